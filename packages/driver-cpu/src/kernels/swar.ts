import { copy } from "./copy.js";
import { fill } from "./fill.js";
import type { Kernels } from "./kernels.js";
import { pqSum } from "./pq.js";
import { SumKernels } from "./sum-kernels.js";

class SwarKernels extends SumKernels {
  override readonly copy = copy;
  override readonly fill = fill;
  protected override readonly sum = pqSum;
}

/** The kernels in plain TypeScript: four bytes at a time in a 32-bit word (SIMD within a register) wherever the operands allow it. */
export const swarKernels: Kernels = new SwarKernels();
