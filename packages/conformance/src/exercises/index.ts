import type { AnyExercise } from "./exercise.js";
import { interrupt } from "./interrupt.js";
import { memcpy } from "./memcpy.js";
import { memset } from "./memset.js";
import { pq } from "./pq.js";
import { pqVal } from "./pq-val.js";
import { xor } from "./xor.js";
import { xorVal } from "./xor-val.js";

/** An exercise for every built-in operation on memory. */
export const BUILT_IN_EXERCISES: readonly AnyExercise[] = [
  memcpy,
  memset,
  xor,
  xorVal,
  pq,
  pqVal,
  interrupt,
];
