import type { PageOp } from "./page-op.js";

/** Something that takes a chain of page operations. */
export interface ChainWork {
  readonly chain: readonly PageOp[];
}

/** The works of a batch that failed, and why. */
export type FailedWorks<Work extends ChainWork> = ReadonlyMap<Work, unknown>;

const NONE_FAILED: FailedWorks<never> = new Map<never, unknown>();

/** Works that were handed in together, until the last one has ended. */
export class Batch {
  /** Resolves to what failed, when all have ended. */
  readonly ended: Promise<FailedWorks<ChainWork>>;
  #resolve!: (failed: FailedWorks<ChainWork>) => void;
  #failed: Map<ChainWork, unknown> | null = null;
  #open: number;

  /** @param works - how many */
  constructor(works: number) {
    this.#open = works;
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    if (works === 0) this.#resolve(NONE_FAILED);
  }

  fail(work: ChainWork, failure: unknown): void {
    this.#failed ??= new Map();
    this.#failed.set(work, failure);
    this.endOne();
  }

  endOne(): void {
    this.#open -= 1;
    if (this.#open === 0) this.#resolve(this.#failed ?? NONE_FAILED);
  }
}
