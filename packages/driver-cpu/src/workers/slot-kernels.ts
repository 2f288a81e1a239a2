import { powerRun } from "../kernels/gf-words.js";
import type { Block, Kernels } from "../kernels/kernels.js";
import { SumMode } from "../kernels/sum.js";
import type { CompiledWorkerModule } from "../wasm/compile.js";
import { Slot } from "../wasm/slot.js";
import { type SlotMemory, writeSum } from "../wasm/slot-writer.js";

const NO_COEFS = new Uint8Array(0);

/**
 * Kernels that do nothing but write down what is to be done, for a worker to do it. What they return is no verdict: that
 * comes later, in `Slot.RESULT`. All operands lie in the memory that is shared with the worker.
 */
export class SlotKernels implements Kernels {
  readonly #memory: SlotMemory;
  readonly #module: CompiledWorkerModule;
  #slot = 0;

  constructor(memory: SlotMemory, module: CompiledWorkerModule) {
    this.#memory = memory;
    this.#module = module;
  }

  /** The next call fills in the slot at this address. Until then there is nothing to do in it. */
  begin(slot: number): void {
    this.#slot = slot;
    this.#call(this.#module.nop);
  }

  copy(dst: Block, src: Block, lengthBytes: number): void {
    this.#set(Slot.P, dst.start);
    this.#set(Slot.SRCS, src.start);
    this.#set(Slot.LENGTH_BYTES, lengthBytes);
    this.#call(this.#module.copy);
  }

  fill(dst: Block, value: number, lengthBytes: number): void {
    this.#set(Slot.P, dst.start);
    this.#set(Slot.FILL_VALUE, value);
    this.#set(Slot.LENGTH_BYTES, lengthBytes);
    this.#call(this.#module.fill);
  }

  xor(dst: Block, srcs: readonly Block[], srcCnt: number, lengthBytes: number): void {
    this.#sum(dst, null, srcs, NO_COEFS, srcCnt, lengthBytes, SumMode.REPLACE);
  }

  xorVal(srcs: readonly Block[], srcCnt: number, lengthBytes: number): number {
    // The sum is zero when the last source is the sum of the others.
    return this.#sum(srcs[srcCnt - 1]!, null, srcs, NO_COEFS, srcCnt - 1, lengthBytes, SumMode.CHECK);
  }

  pq(
    p: Block | null,
    q: Block | null,
    srcs: readonly Block[],
    coefs: Uint8Array,
    srcCnt: number,
    lengthBytes: number,
    continues: boolean,
  ): void {
    this.#sum(p, q, srcs, coefs, srcCnt, lengthBytes, continues ? SumMode.CONTINUE : SumMode.REPLACE);
  }

  pqVal(
    p: Block | null,
    q: Block | null,
    srcs: readonly Block[],
    coefs: Uint8Array,
    srcCnt: number,
    lengthBytes: number,
  ): number {
    return this.#sum(p, q, srcs, coefs, srcCnt, lengthBytes, SumMode.CHECK);
  }

  #sum(
    p: Block | null,
    q: Block | null,
    srcs: readonly Block[],
    coefs: Uint8Array,
    srcCnt: number,
    lengthBytes: number,
    mode: SumMode,
  ): number {
    const run = q === null ? 1 : powerRun(coefs, srcCnt);
    const number = writeSum(this.#memory, this.#slot, p, q, srcs, coefs, srcCnt, run, lengthBytes, mode);
    this.#call(this.#module.firstKernel + number);
    return 0;
  }

  #call(functionIndex: number): void {
    this.#set(Slot.KERNEL, functionIndex);
  }

  #set(offset: number, value: number): void {
    this.#memory.words[(this.#slot + offset) / 4] = value;
  }
}
