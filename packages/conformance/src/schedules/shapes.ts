import type { DmaDevice } from "@dmaengine/core";
import type { Exercise, Shape } from "../exercises/exercise.js";
import { shapesFor } from "../trials.js";

/** The reference implementation works byte by byte: with few operands there is time for more transactions. */
const MOST_OPERANDS = 5;

/** By operation and limits: there are hundreds of shapes of some operations, and every schedule has a new device. */
const known = new Map<string, readonly Shape[]>();

/** The shapes of an operation with few operands. */
export function fewShapes(device: DmaDevice, exercise: Exercise): readonly Shape[] {
  const { name } = exercise.definition;
  const key = `${name} ${JSON.stringify(device.capabilities[name])}`;
  let shapes = known.get(key);
  if (shapes === undefined) {
    shapes = shapesFor(device, exercise, false).filter(({ operands }) => operands <= MOST_OPERANDS);
    known.set(key, shapes);
  }
  return shapes;
}
