import {
  type BlockLimits,
  DMA_CTRL_ACK,
  DMA_PREP_FENCE,
  DMA_PREP_INTERRUPT,
  type DmaDevice,
  type DmaOperation,
  type OperationLimits,
} from "@dmaengine/core";
import type { Exercise, Shape } from "./exercises/exercise.js";
import type { Trial } from "./job.js";
import { nearestLength, PLAIN, randomLayout } from "./layout.js";
import type { Random } from "./random.js";

/** The shapes of an operation within the limits that a device claims for it. */
export function shapesFor(device: DmaDevice, exercise: Exercise, long: boolean): readonly Shape[] {
  return exercise.shapes(
    device.capabilities[exercise.definition.name] as OperationLimits<DmaOperation>,
    long,
  );
}

/** Lengths and alignment that a device claims for an operation. */
export function blockFor(device: DmaDevice, exercise: Exercise): BlockLimits {
  const limits = device.capabilities[exercise.definition.name] as OperationLimits<DmaOperation>;
  return exercise.block?.(limits) ?? (limits as BlockLimits);
}

/** Whether an operation works on memory, and so can fail at an address. */
export function touchesMemory(device: DmaDevice, exercise: Exercise): boolean {
  return shapesFor(device, exercise, false)[0]!.operands > 0;
}

/** Some transactions without anything special about them, of different shapes. */
export function plainTrials(
  device: DmaDevice,
  exercise: Exercise,
  count: number,
  lengthBytes = 256,
): Trial[] {
  const shapes = shapesFor(device, exercise, false);
  const length = nearestLength(blockFor(device, exercise), lengthBytes);
  return Array.from({ length: count }, (_, i) => ({
    shape: shapes[i % shapes.length] as Shape,
    lengthBytes: length,
    layout: PLAIN,
    flags: DMA_CTRL_ACK,
  }));
}

/** Enough for a transaction to take several entries of a ring. */
const MANY_OPERANDS = 16;

/** A short transaction of many operands, which takes much room in a ring and little memory. */
export function roomyTrial(device: DmaDevice, exercise: Exercise): Trial {
  const shapes = shapesFor(device, exercise, false).filter(({ operands }) => operands <= MANY_OPERANDS);
  return {
    shape: shapes.reduce((a, b) => (b.operands > a.operands ? b : a)),
    lengthBytes: nearestLength(blockFor(device, exercise), 16),
    layout: PLAIN,
    flags: DMA_CTRL_ACK,
  };
}

/** Any transaction of these shapes that the limits allow. Most are short, some long. */
export function randomTrial(
  block: BlockLimits,
  shapes: readonly Shape[],
  random: Random,
  long: boolean,
): Trial {
  const shape = random.pick(shapes);
  const longest = Math.ceil((long ? 4_000_000 : 100_000) / (shape.operands + 1));
  const wanted = random.pick([random.int(1, 64), random.int(1, 600), random.int(1, 6000)]);
  return {
    shape,
    lengthBytes: nearestLength(block, Math.min(wanted, longest)),
    layout: randomLayout(block, random),
    flags: DMA_CTRL_ACK | random.pick([0, DMA_PREP_FENCE]) | random.pick([0, DMA_PREP_INTERRUPT]),
  };
}
