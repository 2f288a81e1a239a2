import { type DmaAddr, type DmaChan, type DmaTxDescriptor, dmaMaxPq, dmaPqCoefsFit } from "@dmaengine/core";

/** The operations that dmatest knows. */
export type PatternedOperation = "memcpy" | "memset" | "xor" | "pq";

/** How dmatest uses an operation: equal sources, as many of them as give back the source. */
export interface PatternedTransfer {
  readonly operation: PatternedOperation;
  /** Source buffers. A fill has one, of which only the pattern is used. */
  readonly sources: number;
  /** Destination buffers; all must hold the source afterwards. */
  readonly destinations: number;
  /**
   * Prepares one transfer. `fillByte` is what a fill writes; the other operations ignore it.
   * Returns null when the channel has no room now.
   */
  prep(
    dsts: readonly DmaAddr[],
    srcs: readonly DmaAddr[],
    lengthBytes: number,
    fillByte: number,
    flags: number,
  ): DmaTxDescriptor | null;
}

/** Sources of an xor and of a P+Q transfer, as dmatest's parameters `xor_sources` and `pq_sources`. */
export interface PatternedSources {
  readonly xor: number;
  readonly pq: number;
}

/** For each operation: makes its transfer on a channel. */
const TRANSFERS: {
  readonly [Op in PatternedOperation]: (chan: DmaChan<Op>, sources: PatternedSources) => PatternedTransfer;
} = {
  memcpy: (chan) => ({
    operation: "memcpy",
    sources: 1,
    destinations: 1,
    prep: ([dst], [src], lengthBytes, _fillByte, flags) => chan.prepMemcpy(dst!, src!, lengthBytes, flags),
  }),
  memset: (chan) => ({
    operation: "memset",
    sources: 1,
    destinations: 1,
    prep: ([dst], _srcs, lengthBytes, fillByte, flags) => chan.prepMemset(dst!, fillByte, lengthBytes, flags),
  }),
  xor: (chan, { xor }) => ({
    operation: "xor",
    sources: oddCount(xor, chan.limits.xor.maxSources),
    destinations: 1,
    prep: ([dst], srcs, lengthBytes, _fillByte, flags) =>
      chan.prepXor(dst!, srcs, srcs.length, lengthBytes, flags),
  }),
  pq: (chan, { pq }) => {
    const { limits } = chan;
    const coefs = new Uint8Array(oddCount(pq, dmaMaxPq(limits.pq, 0))).fill(1);
    // Wired multipliers have the coefficient 1 for one source.
    const sources = dmaPqCoefsFit(limits.pq, coefs, coefs.length) ? coefs.length : 1;
    return {
      operation: "pq",
      sources,
      destinations: 2,
      prep: ([p, q], srcs, lengthBytes, _fillByte, flags) =>
        chan.prepPq(p!, q!, srcs, srcs.length, coefs, lengthBytes, flags),
    };
  },
};

/** The transfer that dmatest makes of one of a channel's operations. All P+Q coefficients are 1, so that P, Q and the source are alike. */
export function patternedTransfer<Op extends PatternedOperation>(
  chan: DmaChan<Op>,
  operation: Op,
  sources: PatternedSources,
): PatternedTransfer {
  return TRANSFERS[operation](chan, sources);
}

/** The largest odd number of sources up to what is wanted, made odd, and what the channel can do. */
function oddCount(wanted: number, most: number): number {
  const count = Math.min(wanted | 1, most);
  return count % 2 === 1 ? count : count - 1;
}
