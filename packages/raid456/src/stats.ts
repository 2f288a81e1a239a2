/** What an array has done since it was opened. */
export interface RaidStats {
  /** Calls of `read` and `write`, and their bytes. */
  readonly reads: number;
  readonly readBytes: number;
  readonly writes: number;
  readonly writtenBytes: number;
  /** Stripes, or parts of them, that were written without reading anything, since all their data was new. */
  readonly fullWrites: number;
  /** … with parity made from all data, the rest of which was read ("rcw"). */
  readonly reconstructWrites: number;
  /** … with parity corrected by the difference between old and new data ("rmw"). */
  readonly readModifyWrites: number;
  /** Writes that were carried out together with another one, in the same stripe. */
  readonly gatheredWrites: number;
  /** Stripes that were found in memory, and that were not. */
  readonly cacheHits: number;
  readonly cacheMisses: number;
  /** Blocks that were computed because they could not be read. */
  readonly computedBlocks: number;
  /** Blocks that a member could not read, and those of them that were written anew. */
  readonly readErrors: number;
  readonly readErrorsRepaired: number;
  /** Calls of members, and their bytes. */
  readonly memberReads: number;
  readonly memberReadBytes: number;
  readonly memberWrites: number;
  readonly memberWrittenBytes: number;
}

/** The same, while it is counted. */
export type Counters = { -readonly [Name in keyof RaidStats]: RaidStats[Name] };

/** All zero. */
export function newCounters(): Counters {
  return {
    reads: 0,
    readBytes: 0,
    writes: 0,
    writtenBytes: 0,
    fullWrites: 0,
    reconstructWrites: 0,
    readModifyWrites: 0,
    gatheredWrites: 0,
    cacheHits: 0,
    cacheMisses: 0,
    computedBlocks: 0,
    readErrors: 0,
    readErrorsRepaired: 0,
    memberReads: 0,
    memberReadBytes: 0,
    memberWrites: 0,
    memberWrittenBytes: 0,
  };
}
