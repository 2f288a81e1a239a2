import type { AddressWindow } from "@dmaengine/core/driver";
import { wordIndex } from "../memory.js";
import { copyWords } from "./copy.js";

/**
 * How much an engine holds at a time: of every source it reads this much before it writes any, so P or Q may be one of them.
 * 4 KiB, so that the sums stay in the first-level cache of the CPU that simulates.
 */
export const TILE_BYTES = 4096;

/** A buffer inside an engine, up to {@link TILE_BYTES} of it in use. */
export class Tile {
  readonly words = new Uint32Array(TILE_BYTES / 4);
  readonly #bytes = new Uint8Array(this.words.buffer);

  /** Fills the tile from memory. What follows, to a whole word, is of no meaning. */
  load(window: AddressWindow, at: number, lengthBytes: number): void {
    const { bytes } = window;
    for (let i = 0; i < lengthBytes; i++) this.#bytes[i] = bytes[at + i] as number;
  }

  store(window: AddressWindow, at: number, lengthBytes: number): void {
    if (isWholeWords(at, lengthBytes)) {
      copyWords(this.words, 0, window.words, wordIndex(at), lengthBytes >>> 2);
    } else {
      const { bytes } = window;
      for (let i = 0; i < lengthBytes; i++) bytes[at + i] = this.#bytes[i] as number;
    }
  }

  differs(window: AddressWindow, at: number, lengthBytes: number): boolean {
    const { bytes } = window;
    for (let i = 0; i < lengthBytes; i++) if (bytes[at + i] !== this.#bytes[i]) return true;
    return false;
  }
}

/** Whether a range of a window can be worked on as 32-bit words. */
export function isWholeWords(at: number, lengthBytes: number): boolean {
  return ((at | lengthBytes) & 3) === 0;
}
