import type { AnyExercise } from "./exercise.js";
import { immData } from "./imm-data.js";
import { interleaved } from "./interleaved.js";
import { interrupt } from "./interrupt.js";
import { memcpy } from "./memcpy.js";
import { memset } from "./memset.js";
import { memsetSg } from "./memset-sg.js";
import { pq } from "./pq.js";
import { pqVal } from "./pq-val.js";
import { xor } from "./xor.js";
import { xorVal } from "./xor-val.js";

/** An exercise for every built-in operation but those with a peripheral, of which only the peripheral could tell. */
export const BUILT_IN_EXERCISES: readonly AnyExercise[] = [
  memcpy,
  memset,
  xor,
  xorVal,
  pq,
  pqVal,
  interrupt,
  memsetSg,
  immData,
  interleaved,
];
