import { powerRun } from "../kernels/gf-words.js";
import type { Block } from "../kernels/kernels.js";
import type { SumMode } from "../kernels/sum.js";
import { SumKernels } from "../kernels/sum-kernels.js";
import type { CompiledWorkerModule } from "../wasm/compile.js";
import { Slot } from "../wasm/slot.js";
import { type SlotMemory, writeSum } from "../wasm/slot-writer.js";

/**
 * Kernels that do nothing but write down what is to be done, for a worker to do it. What they return is no verdict: that
 * comes later, in `Slot.RESULT`. All operands lie in the memory that is shared with the worker.
 */
export class SlotKernels extends SumKernels {
  readonly #memory: SlotMemory;
  readonly #module: CompiledWorkerModule;
  #slot = 0;

  constructor(memory: SlotMemory, module: CompiledWorkerModule) {
    super();
    this.#memory = memory;
    this.#module = module;
  }

  /** The next call fills in the slot at this address. Until then there is nothing to do in it. */
  begin(slot: number): void {
    this.#slot = slot;
    this.#call(this.#module.nop);
  }

  override copy(dst: Block, src: Block, lengthBytes: number): void {
    this.#set(Slot.P, dst.start);
    this.#set(Slot.SRCS, src.start);
    this.#set(Slot.LENGTH_BYTES, lengthBytes);
    this.#call(this.#module.copy);
  }

  override fill(dst: Block, value: number, lengthBytes: number): void {
    this.#set(Slot.P, dst.start);
    this.#set(Slot.FILL_VALUE, value);
    this.#set(Slot.LENGTH_BYTES, lengthBytes);
    this.#call(this.#module.fill);
  }

  protected override sum(
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
