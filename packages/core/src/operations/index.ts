import { cyclic } from "./cyclic.js";
import { immData } from "./imm-data.js";
import { interleaved } from "./interleaved.js";
import { interrupt } from "./interrupt.js";
import { memcpy } from "./memcpy.js";
import { memset } from "./memset.js";
import { memsetSg } from "./memset-sg.js";
import type { AnyOperationDefinition } from "./operation.js";
import { pq } from "./pq.js";
import { pqVal } from "./pq-val.js";
import { slaveSg } from "./slave-sg.js";
import { xor } from "./xor.js";
import { xorVal } from "./xor-val.js";

/** The operations that every engine instance knows without being told. */
export const BUILT_IN_OPERATIONS: readonly AnyOperationDefinition[] = [
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
  slaveSg,
  cyclic,
];
