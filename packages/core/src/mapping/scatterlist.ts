import { DmaError } from "../errors.js";
import type { DmaSegments } from "../operations/segments.js";
import type { DmaAddr } from "./domain.js";

/** One piece of memory in a {@link Scatterlist}: `struct scatterlist`, the CPU's half. */
export interface ScatterlistEntry {
  readonly memory: Uint8Array;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/**
 * Pieces of memory that a device is to see as one list of segments. Fill it with {@link add}, map it with `device.mapSg`, hand it to a prep
 * call with the count that `mapSg` returned. As in the kernel there are two lists in one: the pieces that went in, and the segments that
 * came out, which may be fewer, because pieces that are neighbours on the bus are merged.
 */
export class Scatterlist implements DmaSegments {
  /** Most pieces. */
  readonly capacity: number;
  /** Segments, valid while mapped: where they start and how long they are. */
  readonly dmaAddr: Float64Array;
  readonly dmaLengthBytes: Float64Array;
  readonly #entries: ScatterlistEntry[] = [];
  /** @internal Where each piece is mapped. */
  readonly entryAddr: Float64Array;

  constructor(capacity: number) {
    if (!(Number.isSafeInteger(capacity) && capacity >= 1)) {
      throw new RangeError(`scatterlist: expected room for 1 piece or more, got ${capacity}`);
    }
    this.capacity = capacity;
    this.dmaAddr = new Float64Array(capacity);
    this.dmaLengthBytes = new Float64Array(capacity);
    this.entryAddr = new Float64Array(capacity);
  }

  /** The pieces that were added (`orig_nents` of them). */
  get entries(): readonly ScatterlistEntry[] {
    return this.#entries;
  }

  /** Adds `lengthBytes` of `memory` from `offsetBytes`; all of it if left out. Not while the list is mapped. */
  add(memory: Uint8Array, offsetBytes = 0, lengthBytes: number = memory.length - offsetBytes): this {
    if (this.#entries.length === this.capacity) {
      throw new DmaError("ERR_DMA_LIMIT", `scatterlist: it is full, with ${this.capacity} pieces`);
    }
    this.#entries.push({ memory, offsetBytes, lengthBytes });
    return this;
  }

  /** Takes all pieces out. Not while the list is mapped. */
  clear(): void {
    this.#entries.length = 0;
  }

  /**
   * @internal Fills the segments from the first `count` pieces, whose {@link entryAddr} are set: neighbours on the bus become one, as far
   * as the device can take it. Returns the number of segments.
   */
  merge(count: number, maxSegmentBytes: number, segmentBoundaryBytes: number): number {
    let segments = 0;
    for (let i = 0; i < count; i++) {
      const addr = this.entryAddr[i] as DmaAddr;
      const { lengthBytes } = this.#entries[i] as ScatterlistEntry;
      const last = segments - 1;
      const lastAddr = this.dmaAddr[last] as DmaAddr;
      const joinedBytes = (this.dmaLengthBytes[last] as number) + lengthBytes;
      const joins =
        last >= 0 &&
        lastAddr + joinedBytes === addr + lengthBytes &&
        joinedBytes <= maxSegmentBytes &&
        Math.floor(lastAddr / segmentBoundaryBytes) ===
          Math.floor((lastAddr + joinedBytes - 1) / segmentBoundaryBytes);
      if (joins) this.dmaLengthBytes[last] = joinedBytes;
      else {
        this.dmaAddr[segments] = addr;
        this.dmaLengthBytes[segments] = lengthBytes;
        segments += 1;
      }
    }
    return segments;
  }
}
