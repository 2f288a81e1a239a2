import type { DmaDevice } from "@dmaengine/core";
import { NOTHING, type StripePage } from "../stripe/stripe-page.js";
import type { PageMemory } from "./page-memory.js";

/** Pages for sums that nobody keeps: made when they are needed, and used again and again. */
export class ScratchPages {
  readonly #pageMemory: PageMemory;
  readonly #pageBytes: number;
  readonly #idle: StripePage[] = [];
  /** Devices that are going. */
  readonly #leaving = new Set<DmaDevice>();

  constructor(pageMemory: PageMemory, pageBytes: number) {
    this.#pageMemory = pageMemory;
    this.#pageBytes = pageBytes;
  }

  /** A page for the caller alone, until it is given back. Its content means nothing. */
  take(): StripePage {
    const page = this.#idle.pop();
    if (page !== undefined) return page;
    const memory = this.#pageMemory.alloc(this.#pageBytes);
    return {
      bytes: memory,
      mapping: this.#pageMemory.map(memory, 0, this.#pageBytes),
      valid: NOTHING,
    };
  }

  giveBack(page: StripePage): void {
    const device = page.mapping?.device ?? null;
    if (device !== null && this.#leaving.has(device)) this.#drop(page);
    else this.#idle.push(page);
  }

  /** Gives up what was mapped with a device: what is idle now, and what is in use when it is given back. */
  unmapFrom(device: DmaDevice): void {
    this.#leaving.add(device);
    for (const page of this.#idle.splice(0)) this.giveBack(page);
  }

  /** The device has gone, or comes back. */
  forget(device: DmaDevice): void {
    this.#leaving.delete(device);
  }

  /** Gives everything up that is not in use. */
  free(): void {
    for (const page of this.#idle.splice(0)) this.#drop(page);
  }

  #drop(page: StripePage): void {
    page.mapping?.unmap();
    this.#pageMemory.free(page.bytes);
  }
}
