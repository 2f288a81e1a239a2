import type { CoherentMemory, DmaAddr } from "@dmaengine/core/driver";
import type { PhysicalMemory } from "@dmaengine/sim";
import { CHANSTS_STATE } from "./datasheet.js";

const COMPLETION_BYTES = 8;
/** It lies in a cache line of its own. */
const COMPLETION_ALIGN_BYTES = 64;
const HIGH_HALF = 2 ** 32;

/** Where the hardware tells how far a channel has come: a word in memory, in the format of CHANSTS. */
export class CompletionWord {
  readonly #memory: CoherentMemory;
  readonly #view: DataView;

  constructor(memory: PhysicalMemory) {
    this.#memory = memory.allocCoherent(COMPLETION_BYTES, COMPLETION_ALIGN_BYTES);
    const { buffer, byteOffset } = this.#memory.bytes;
    this.#view = new DataView(buffer, byteOffset, COMPLETION_BYTES);
  }

  /** Gives the memory back. */
  free(memory: PhysicalMemory): void {
    memory.freeCoherent(this.#memory);
  }

  /** The word's own address. */
  get addr(): DmaAddr {
    return this.#memory.dmaAddr;
  }

  /** Address of the last completed descriptor; 0 before the first. */
  get completed(): DmaAddr {
    const low = this.#view.getUint32(0, true);
    return low - (low % 0x40) + this.#view.getUint32(4, true) * HIGH_HALF;
  }

  get state(): number {
    return this.#view.getUint32(0, true) & CHANSTS_STATE;
  }

  /** Forgets what it says, so that a new chain's first word is not mistaken for the old chain's last. */
  clear(): void {
    this.#view.setUint32(0, 0, true);
    this.#view.setUint32(4, 0, true);
  }
}
