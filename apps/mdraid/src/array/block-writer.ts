import type { OpenArray } from "@dmaengine/md";

/** About how many bytes are written at a time. */
const BLOCK_BYTES = 4 * 1024 * 1024;

/**
 * Gathers a stream of bytes into blocks of whole stripes, which need no reading to make parity, and writes them to an array
 * one after the other: while one is on its way, the next is filled.
 */
export class BlockWriter {
  readonly #array: OpenArray;
  /** Where the block that is being filled begins in the array, in bytes. */
  #offset: number;
  /** Length of a block that begins on a stripe. */
  readonly #blockBytes: number;
  #block: Uint8Array;
  #other: Uint8Array;
  #filled = 0;
  #writing: Promise<void> = Promise.resolve();
  #storedBytes = 0;

  /** @param offset first byte of the array to write */
  constructor(array: OpenArray, offset: number) {
    const { stripeDataBytes } = array.geometry;
    this.#array = array;
    this.#offset = offset;
    this.#blockBytes = Math.max(1, Math.round(BLOCK_BYTES / stripeDataBytes)) * stripeDataBytes;
    this.#block = new Uint8Array(this.#blockBytes);
    this.#other = new Uint8Array(this.#blockBytes);
  }

  /** Bytes that are on the members. */
  get storedBytes(): number {
    return this.#storedBytes;
  }

  /** Takes bytes in; resolves when there is room for more. */
  async push(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      // The first block ends where the following ones begin: on a stripe.
      const room = this.#blockBytes - (this.#offset % this.#blockBytes) - this.#filled;
      const part = bytes.subarray(done, done + room);
      this.#block.set(part, this.#filled);
      this.#filled += part.length;
      done += part.length;
      if (part.length === room) await this.#writeBlock();
    }
  }

  /** Writes what is left. Resolves when everything is on the members. */
  async end(): Promise<void> {
    await this.#writeBlock();
    await this.#writing;
  }

  /** Waits for what is under way, however it ends, and drops what is left. */
  async abandon(): Promise<void> {
    await this.#writing.catch(() => {});
  }

  async #writeBlock(): Promise<void> {
    await this.#writing;
    const block = this.#block.subarray(0, this.#filled);
    const offset = this.#offset;
    this.#writing = this.#array.write(offset, block).then(() => {
      this.#storedBytes += block.length;
    });
    // Whoever waits for it next learns of a failure; until then it is not "unhandled".
    this.#writing.catch(() => {});
    [this.#block, this.#other] = [this.#other, this.#block];
    this.#offset += block.length;
    this.#filled = 0;
  }
}
