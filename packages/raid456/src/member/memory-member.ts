import type { MemberDevice } from "./member-device.js";
import { checkRange, checkWritable, closedError } from "./member-error.js";
import { vectorBytes } from "./vector.js";

/** How a {@link MemoryMember} is made. */
export interface MemoryMemberOptions {
  /** For messages. Default "memory". */
  readonly name?: string;
  /** Default true. */
  readonly writable?: boolean;
}

/** A member in memory: for tests, and for images that were loaded as a whole, for example in a browser. */
export class MemoryMember implements MemberDevice {
  readonly name: string;
  readonly writable: boolean;
  /** The content itself, not a copy. */
  readonly bytes: Uint8Array;
  #open = true;

  /** @param content the image itself (used in place), or the length in bytes of a zero-filled one */
  constructor(content: Uint8Array | number, { name = "memory", writable = true }: MemoryMemberOptions = {}) {
    this.bytes = typeof content === "number" ? new Uint8Array(content) : content;
    this.name = name;
    this.writable = writable;
  }

  get sizeBytes(): number {
    return this.bytes.length;
  }

  async read(offsetBytes: number, into: Uint8Array): Promise<void> {
    this.#checkOpen();
    checkRange(this, offsetBytes, into.length);
    into.set(this.bytes.subarray(offsetBytes, offsetBytes + into.length));
  }

  async write(offsetBytes: number, from: Uint8Array): Promise<void> {
    this.#checkOpen();
    checkWritable(this);
    checkRange(this, offsetBytes, from.length);
    this.bytes.set(from, offsetBytes);
  }

  async readVector(offsetBytes: number, into: readonly Uint8Array[]): Promise<void> {
    this.#checkOpen();
    checkRange(this, offsetBytes, vectorBytes(into));
    let at = offsetBytes;
    for (const piece of into) {
      piece.set(this.bytes.subarray(at, at + piece.length));
      at += piece.length;
    }
  }

  async writeVector(offsetBytes: number, from: readonly Uint8Array[]): Promise<void> {
    this.#checkOpen();
    checkWritable(this);
    checkRange(this, offsetBytes, vectorBytes(from));
    let at = offsetBytes;
    for (const piece of from) {
      this.bytes.set(piece, at);
      at += piece.length;
    }
  }

  async discard(offsetBytes: number, lengthBytes: number): Promise<void> {
    this.#checkOpen();
    checkWritable(this);
    checkRange(this, offsetBytes, lengthBytes);
    this.bytes.fill(0, offsetBytes, offsetBytes + lengthBytes);
  }

  async flush(): Promise<void> {
    this.#checkOpen();
  }

  async close(): Promise<void> {
    this.#open = false;
  }

  #checkOpen(): void {
    if (!this.#open) throw closedError(this);
  }
}
