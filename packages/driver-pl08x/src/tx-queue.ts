import type { DmaTx } from "@dmaengine/core/driver";

/** The transactions of a virtual channel that have not started, in order: some issued, behind them some only submitted (`struct virt_dma_chan`). */
export class TxQueue {
  readonly #slots: (DmaTx | null)[];
  #head = 0;
  #submitted = 0;
  #issued = 0;

  /** @param capacity - most transactions at a time. */
  constructor(capacity: number) {
    this.#slots = new Array(capacity).fill(null);
  }

  /** How many may start. */
  get issued(): number {
    return this.#issued;
  }

  submit(tx: DmaTx): void {
    this.#slots[(this.#head + this.#submitted) % this.#slots.length] = tx;
    this.#submitted += 1;
  }

  /** Everything that was submitted may start. */
  issue(): void {
    this.#issued = this.#submitted;
  }

  /** Takes the next one that may start out. */
  shift(): DmaTx {
    const tx = this.#slots[this.#head] as DmaTx;
    this.#slots[this.#head] = null;
    this.#head = (this.#head + 1) % this.#slots.length;
    this.#submitted -= 1;
    this.#issued -= 1;
    return tx;
  }

  clear(): void {
    this.#slots.fill(null);
    this.#submitted = 0;
    this.#issued = 0;
  }
}
