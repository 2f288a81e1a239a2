import type {
  BlockLimits,
  ChannelPreps,
  DmaAddr,
  DmaOperation,
  DmaTxDescriptor,
  OperationDefinition,
  OperationLimits,
} from "@dmaengine/core";

/** What a prep call gave, and where to look for what it leaves outside memory. */
export interface Prepared {
  readonly tx: DmaTxDescriptor | null;
  /** Read after completion: a checksum, the verdict of a check. Left out: the operation leaves nothing but memory. */
  readonly verdict?: () => number | bigint | string | boolean;
}

/** One way to call an operation: how many operands, which flags, what is special about them. */
export interface OperationShape<Op extends DmaOperation> {
  /** Tells it from the others, for messages: "3 sources, in place". */
  readonly title: string;
  /** Number of operands in memory. All are equally long. An operand in place counts once. */
  readonly operands: number;
  /** Prep flags beyond those about completion, which the kit chooses. */
  readonly flags: number;
  /** Brings operands full of random bytes into the relation that the shape is about. */
  arrange?(operands: readonly Uint8Array[]): void;
  /**
   * Calls the prep. It runs twice for each transaction: on the channel, and against the reference implementation, so it keeps no state and
   * makes the object for a verdict itself. `addrs` has one address for each operand; one that the operation doesn't touch is 0.
   */
  prepare(preps: ChannelPreps<Op>, addrs: readonly DmaAddr[], lengthBytes: number, flags: number): Prepared;
}

/**
 * How the kit exercises one operation. There is one for every built-in operation on memory; a driver that brings operations of its own hands
 * an exercise for each to the suite.
 */
export interface OperationExercise<Op extends DmaOperation> {
  /** What the operation means: its `reference`, `reads` and `writes` are the truth that the driver is held to. */
  readonly definition: OperationDefinition<Op>;
  /** Lengths and alignment within the limits. Left out: `limits` are {@link BlockLimits} themselves. */
  block?(limits: OperationLimits<Op>): BlockLimits;
  /** All shapes worth trying within the limits, the plainest first. `long`: time doesn't matter. */
  shapes(limits: OperationLimits<Op>, long: boolean): readonly OperationShape<Op>[];
}

/** An exercise of whichever operation. */
export type AnyExercise = { [Op in DmaOperation]: OperationExercise<Op> }[DmaOperation];

/** An exercise whose operation is no longer known to the type system. */
export type Exercise = OperationExercise<DmaOperation>;
/** A shape whose operation is no longer known to the type system. */
export type Shape = OperationShape<DmaOperation>;

/** Source counts worth trying: all small ones, then those around powers of two and the limit; `long`: all. */
export function sourceCounts(min: number, max: number, long: boolean): number[] {
  const counts: number[] = [];
  for (let count = min; count <= max; count++) {
    const aroundPowerOfTwo = [count - 1, count, count + 1].some((n) => n > 0 && (n & (n - 1)) === 0);
    if (long || count <= 9 || aroundPowerOfTwo || count >= max - 1) counts.push(count);
  }
  return counts;
}

/** The numbers from `from` to `to - 1`. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
}
