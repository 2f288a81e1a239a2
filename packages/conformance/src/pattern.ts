/**
 * Patterned buffers after the kernel's dmatest (drivers/dma/dmatest.c): every byte says to which side and region it belongs and where
 * it is, so that a mismatch tells "not copied" from "copied too far" from "source overwritten".
 *
 * @module
 */

/** A byte of a source buffer. */
const PATTERN_SRC = 0x80;
/** A source byte within the transfer. */
const PATTERN_COPY = 0x40;
/** A destination byte within the transfer, before it. */
const PATTERN_OVERWRITE = 0x20;
/** The inverted low bits of the index. */
const PATTERN_COUNT_MASK = 0x1f;
/** A fill has one value for all bytes, so its patterns count from and to this index alone. */
const MEMSET_INDEX = 1;

/** What became of a byte that should have been another. The kernel's four classes. */
export type PatternMismatchKind = "overwritten" | "not copied" | "was copied" | "mismatch";

/** One byte that is not what it should be. */
export interface PatternMismatch {
  readonly kind: PatternMismatchKind;
  /** Position in the whole buffer. */
  readonly index: number;
  readonly expected: number;
  readonly actual: number;
}

/** Where in its buffer a transfer starts and how far it goes. */
export interface PatternRegion {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/**
 * The patterns of one transfer.
 *
 * All sources of an xor or P+Q transfer carry the same bytes, so that an odd number of them gives back the source.
 */
export class TransferPattern {
  readonly #source: PatternRegion;
  readonly #destinationOffsetBytes: number;
  readonly #memset: boolean;

  /**
   * @param source - the part of each source buffer that is transferred.
   * @param destinationOffsetBytes - where it goes in each destination buffer.
   * @param memset - whether the transfer is a fill; its value is {@link fillByte}.
   */
  constructor(source: PatternRegion, destinationOffsetBytes: number, memset: boolean) {
    this.#source = source;
    this.#destinationOffsetBytes = destinationOffsetBytes;
    this.#memset = memset;
  }

  /** What a fill writes: the source's byte within the transfer. */
  get fillByte(): number {
    return this.#byte(PATTERN_SRC | PATTERN_COPY, MEMSET_INDEX);
  }

  fillSource(buffer: Uint8Array): void {
    this.#fill(buffer, this.#source.offsetBytes, PATTERN_SRC, PATTERN_COPY);
  }

  fillDestination(buffer: Uint8Array): void {
    this.#fill(buffer, this.#destinationOffsetBytes, 0, PATTERN_OVERWRITE);
  }

  /** A source must be as it was filled. */
  checkSource(buffer: Uint8Array): PatternMismatch[] {
    const { offsetBytes, lengthBytes } = this.#source;
    const end = offsetBytes + lengthBytes;
    return [
      ...this.#check(buffer, 0, offsetBytes, PATTERN_SRC, 0, true),
      ...this.#check(buffer, offsetBytes, end, PATTERN_SRC | PATTERN_COPY, 0, true),
      ...this.#check(buffer, end, buffer.length, PATTERN_SRC, 0, true),
    ];
  }

  /** A destination must hold the source's bytes within the transfer, and its own around it. */
  checkDestination(buffer: Uint8Array): PatternMismatch[] {
    const start = this.#destinationOffsetBytes;
    const end = start + this.#source.lengthBytes;
    const shift = this.#source.offsetBytes - start;
    return [
      ...this.#check(buffer, 0, start, 0, 0, false),
      ...this.#check(buffer, start, end, PATTERN_SRC | PATTERN_COPY, shift, false),
      ...this.#check(buffer, end, buffer.length, 0, 0, false),
    ];
  }

  #byte(flags: number, index: number): number {
    return flags | (~(this.#memset ? MEMSET_INDEX : index) & PATTERN_COUNT_MASK);
  }

  #fill(buffer: Uint8Array, offsetBytes: number, outside: number, inside: number): void {
    const end = offsetBytes + this.#source.lengthBytes;
    for (let i = 0; i < buffer.length; i++) {
      buffer[i] = this.#byte(i >= offsetBytes && i < end ? outside | inside : outside, i);
    }
  }

  /** @param shift - what to add to a position for the index that its byte must tell. */
  #check(
    buffer: Uint8Array,
    start: number,
    end: number,
    flags: number,
    shift: number,
    isSource: boolean,
  ): PatternMismatch[] {
    const found: PatternMismatch[] = [];
    for (let index = start; index < end; index++) {
      const actual = buffer[index] as number;
      const expected = this.#byte(flags, index + shift);
      if (actual === expected) continue;
      found.push({ kind: classify(actual ^ expected, flags, isSource), index, expected, actual });
    }
    return found;
  }
}

/** Names a mismatch, in the kernel's order of precedence. */
function classify(difference: number, flags: number, isSource: boolean): PatternMismatchKind {
  if (isSource) return "overwritten";
  if ((flags & PATTERN_COPY) !== 0 && (difference & (PATTERN_COPY | PATTERN_OVERWRITE)) !== 0) {
    return "not copied";
  }
  if ((difference & PATTERN_SRC) !== 0) return "was copied";
  return "mismatch";
}
