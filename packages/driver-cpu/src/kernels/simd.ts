import { type Arena, SLOT, STAGING_BYTES, STAGING_START } from "../memory/arena.js";
import type { Arenas } from "../memory/arenas.js";
import { Slot } from "../wasm/slot.js";
import { slotIndex, writeSum } from "../wasm/slot-writer.js";
import { COPIES_BY_WORDS, copy } from "./copy.js";
import { fill } from "./fill.js";
import { powerRun } from "./gf-words.js";
import { type Block, clearBlock, emptyBlock } from "./kernels.js";
import { pqSum } from "./pq.js";
import { SumMode } from "./sum.js";
import { SumKernels } from "./sum-kernels.js";

/** Below, filling in a slot takes longer than the words kernels take. Measured on Node 20 and 24. */
const MIN_BYTES = 128;
/** Most bytes of an operand that are staged at a time: more than the rest costs, and first-level cache is left for the others. */
const MAX_STAGED_BYTES = 8192;
/** Between staged operands, so that they don't all compete for the same sets of a cache. */
const STAGING_GAP_BYTES = 192;
/** Of an address: where it is in its word. */
const WORD_MASK = 7;

/** The kernels in WebAssembly SIMD. Operands outside of linear memory pass through a staging area, some KiB at a time. */
export class SimdKernels extends SumKernels {
  readonly #arenas: Arenas;
  /** The operand that is being staged, and where. */
  readonly #outside = emptyBlock();
  readonly #staged = emptyBlock();
  /** An arena and its buffer as the last transaction's operands had it: comparing two views is faster than asking for their buffers. */
  #arena: Arena;
  #view: Uint8Array | null = null;

  constructor(arenas: Arenas) {
    super();
    this.#arenas = arenas;
    this.#arena = arenas.staging;
  }

  override copy(dst: Block, src: Block, lengthBytes: number): void {
    const arena = dst.bytes === src.bytes ? this.#arenaOf(dst) : undefined;
    if (arena !== undefined) arena.copy(dst.start, src.start, lengthBytes);
    else if (COPIES_BY_WORDS && differInWords(dst, src)) this.#copyAside(dst, src, lengthBytes);
    else copy(dst, src, lengthBytes);
  }

  override fill(dst: Block, value: number, lengthBytes: number): void {
    const arena = this.#arenaOf(dst);
    if (arena !== undefined) arena.fill(dst.start, value, lengthBytes);
    else fill(dst, value, lengthBytes);
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
    if (lengthBytes < MIN_BYTES) return pqSum(p, q, srcs, coefs, srcCnt, lengthBytes, mode);
    this.#chooseArena(p ?? (q as Block), srcs[0]!);
    const arena = this.#arena;
    const run = q === null ? 1 : powerRun(coefs, srcCnt);
    const kernel = writeSum(arena, SLOT, p, q, srcs, coefs, srcCnt, run, lengthBytes, mode);
    if (this.#allInside(p, q, srcs, srcCnt)) return arena.sums[kernel]!(SLOT);
    return this.#sumStaged(kernel, p, q, srcs, srcCnt, run, lengthBytes, mode);
  }

  #allInside(p: Block | null, q: Block | null, srcs: readonly Block[], srcCnt: number): boolean {
    const view = this.#view;
    if (p !== null && p.bytes !== view) return false;
    if (q !== null && q.bytes !== view) return false;
    for (let i = 0; i < srcCnt; i++) if (srcs[i]!.bytes !== view) return false;
    return true;
  }

  /** Works in the arena of the destination; if that is outside, in the one of the first source, or else where nothing is but what is staged. */
  #chooseArena(dst: Block, src: Block): void {
    if ((this.#arenaOf(dst) ?? this.#arenaOf(src)) !== undefined) return;
    this.#arena = this.#arenas.staging;
    this.#view = null;
  }

  /** The arena that an operand is in, if it is in one. */
  #arenaOf({ bytes }: Block): Arena | undefined {
    if (bytes === this.#view) return this.#arena;
    const arena = this.#arenas.under(bytes);
    if (arena === undefined) return undefined;
    this.#arena = arena;
    this.#view = bytes;
    return arena;
  }

  /** The same with operands outside of the arena. The slot is filled in but for addresses and length. */
  #sumStaged(
    kernel: number,
    p: Block | null,
    q: Block | null,
    srcs: readonly Block[],
    srcCnt: number,
    run: -1 | 0 | 1,
    lengthBytes: number,
    mode: SumMode,
  ): number {
    const { words, sums } = this.#arena;
    const share = Math.floor(STAGING_BYTES / (srcCnt + 2)) & -64;
    const stride = Math.min(share, MAX_STAGED_BYTES + STAGING_GAP_BYTES);
    const step = stride - STAGING_GAP_BYTES;
    let flags = 0;
    for (let at = 0; at < lengthBytes; at += step) {
      const count = Math.min(step, lengthBytes - at);
      let stage = STAGING_START;
      words[Slot.LENGTH_BYTES / 4] = count;
      if (p !== null) words[Slot.P / 4] = this.#stageIn(p, at, count, stage, mode !== SumMode.REPLACE);
      stage += stride;
      if (q !== null) words[Slot.Q / 4] = this.#stageIn(q, at, count, stage, mode !== SumMode.REPLACE);
      for (let i = 0; i < srcCnt; i++) {
        stage += stride;
        words[Slot.SRCS / 4 + slotIndex(i, srcCnt, run)] = this.#stageIn(srcs[i]!, at, count, stage, true);
      }
      flags |= sums[kernel]!(SLOT);
      if (mode === SumMode.CHECK) continue;
      if (p !== null) this.#stageOut(p, at, count, STAGING_START);
      if (q !== null) this.#stageOut(q, at, count, STAGING_START + stride);
    }
    return flags;
  }

  /** A copy between buffers that lie differently in their words: if one is shared, it stops on the way at a place that lies as the other does. */
  #copyAside(dst: Block, src: Block, lengthBytes: number): void {
    this.#chooseArena(dst, src);
    const arena = this.#arena;
    if (!arena.shared) {
      copy(dst, src, lengthBytes);
      return;
    }
    const inwards = dst.bytes === this.#view;
    const stage = this.#placeOf(inwards ? src : dst, STAGING_START);
    for (let at = 0; at < lengthBytes; at += MAX_STAGED_BYTES) {
      const count = Math.min(MAX_STAGED_BYTES, lengthBytes - at);
      if (inwards) {
        this.#copyStaged(src, at, count, stage, true);
        arena.copy(dst.start + at, stage, count);
      } else {
        arena.copy(stage, src.start + at, count);
        this.#copyStaged(dst, at, count, stage, false);
      }
    }
  }

  /** Where an operand is staged that has room from `stage` on: where it is copied fastest. */
  #placeOf(block: Block, stage: number): number {
    return COPIES_BY_WORDS && this.#arena.shared ? stage + (block.start & WORD_MASK) : stage;
  }

  /** Where the kernel finds `count` bytes from offset `at` of an operand: in place, or staged, where they are copied if `read`. */
  #stageIn(block: Block, at: number, count: number, stage: number, read: boolean): number {
    if (block.bytes === this.#view) return block.start + at;
    const place = this.#placeOf(block, stage);
    if (read) {
      this.#copyStaged(block, at, count, place, true);
      this.#arenas.bouncedBytes += count;
    }
    return place;
  }

  #stageOut(block: Block, at: number, count: number, stage: number): void {
    if (block.bytes === this.#view) return;
    this.#copyStaged(block, at, count, this.#placeOf(block, stage), false);
    this.#arenas.bouncedBytes += count;
  }

  #copyStaged(block: Block, at: number, count: number, stage: number, inwards: boolean): void {
    const { bytes, words } = this.#arena;
    const outside = this.#outside;
    outside.bytes = block.bytes;
    outside.words = block.words;
    outside.start = block.start + at;
    const staged = this.#staged;
    staged.bytes = bytes;
    staged.words = words;
    staged.start = stage;
    if (inwards) copy(staged, outside, count);
    else copy(outside, staged, count);
    // The client's memory is not to be held.
    clearBlock(outside);
  }
}

function differInWords(one: Block, other: Block): boolean {
  return ((one.start ^ other.start) & WORD_MASK) !== 0;
}
