import { SumMode } from "../kernels/sum.js";
import { addCopyKernels } from "./copy-kernels.js";
import type { SimdDialect } from "./features.js";
import { BINARY, ModuleBuilder, UNARY } from "./module.js";
import { QForm, writeSumKernel, writeTail } from "./sum-kernel.js";

/** A kernel: takes the address of a slot and returns `SumCheck` flags, which are 0 where there is nothing to check. */
export type KernelFunction = (slot: number) => number;

/** Up to this many sources a kernel has a variant of its own; more are added up in a loop. */
const MAX_UNROLLED = 16;

const MODES = [SumMode.REPLACE, SumMode.CONTINUE, SumMode.CHECK] as const;
/** The kinds of sums: what is computed, and whether there are variants. A loop costs nothing where each source is looked up in tables. */
const KINDS = [
  { p: true, q: QForm.NONE, unrolled: true },
  { p: false, q: QForm.POWERS, unrolled: true },
  { p: true, q: QForm.POWERS, unrolled: true },
  { p: false, q: QForm.PRODUCTS, unrolled: false },
  { p: true, q: QForm.PRODUCTS, unrolled: false },
] as const;
/** Of a kind that is unrolled: one for any number of sources, and one for each up to {@link MAX_UNROLLED}. */
const VARIANTS = MAX_UNROLLED + 1;
/** Number of the first kernel of those that are not unrolled. */
const FIRST_PRODUCTS = 3 * MODES.length * VARIANTS;

/** How many kernels there are. */
export const KERNEL_COUNT = FIRST_PRODUCTS + 2 * MODES.length;

/** The number of the kernel for a sum. */
export function kernelNumber(p: boolean, q: QForm, mode: SumMode, srcCnt: number): number {
  if (q === QForm.PRODUCTS) return FIRST_PRODUCTS + (p ? MODES.length : 0) + mode;
  const kind = q === QForm.NONE ? 0 : p ? 2 : 1;
  return (kind * MODES.length + mode) * VARIANTS + (srcCnt > MAX_UNROLLED ? 0 : srcCnt);
}

/** Adds every kernel to a module, each exported under its number, and returns the function index of number 0. The others follow in order. */
export function addKernels(module: ModuleBuilder, dialect: SimdDialect): number {
  const tails = KINDS.map(({ p, q }) =>
    MODES.map((mode) => module.add(BINARY, null, (code) => writeTail(code, p, q !== QForm.NONE, mode))),
  );
  const first = module.count;
  for (const [kind, { p, q, unrolled }] of KINDS.entries()) {
    for (const mode of MODES) {
      const tail = tails[kind]?.[mode] as number;
      for (let srcCnt = 0; srcCnt < (unrolled ? VARIANTS : 1); srcCnt++) {
        module.add(UNARY, String(module.count - first), (code) =>
          writeSumKernel(code, { p, q, mode, srcCnt }, dialect, tail),
        );
      }
    }
  }
  return first;
}

/** The module of the inline engine: every kernel is called from outside. `shared`: whether the memory is that it works on. */
export function kernelModule(dialect: SimdDialect, shared: boolean): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder(shared);
  addCopyKernels(module);
  addKernels(module, dialect);
  return module.finish();
}
