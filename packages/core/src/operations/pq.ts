import type { DmaTxDescriptor } from "../descriptor.js";
import { DmaError } from "../errors.js";
import { DMA_CTRL_ACK, DMA_PREP_CONTINUE, DMA_PREP_PQ_DISABLE_P, DMA_PREP_PQ_DISABLE_Q } from "../flags.js";
import { gfMul } from "../gf256.js";
import type { DmaAddr } from "../mapping/domain.js";
import { checkAddr, checkLength, checkSources } from "./limits.js";
import type { BlockLimits, OperationDefinition, RangeVisitor, ReferenceMemory } from "./operation.js";

export interface PqLimits extends BlockLimits {
  /** Most sources in one transaction without continuation (`dma_set_maxpq`). Clients ask {@link dmaMaxPq}. */
  readonly maxSources: number;
  /** Whether the engine continues a sum natively (`DMA_HAS_PQ_CONTINUE`), without spending sources on it. */
  readonly continuation: boolean;
  /**
   * The only coefficients that the engine has, each at most once in a transaction, where its multipliers are wired (Marvell: 1, 2, 4 … 128).
   * Default: any, as often as wanted. Clients ask {@link dmaPqCoefsFit}. Such an engine can't continue a sum unless it does so natively.
   */
  readonly fixedCoefs?: readonly number[];
}

export interface PqArgs {
  /** Where P is. Not used when P is disabled. */
  p: DmaAddr;
  /** Where Q is. Not used when Q is disabled. */
  q: DmaAddr;
  /** The first `srcCnt` entries of `srcs` and `coefs` are in use. */
  readonly srcs: Float64Array;
  readonly coefs: Uint8Array;
  srcCnt: number;
  lengthBytes: number;
}

/**
 * Writes `P = Σ src[i]` and `Q = Σ coefs[i] * src[i]` (`device_prep_dma_pq`), sums and products in GF(2^8) of RAID-6.
 *
 * - `DMA_PREP_PQ_DISABLE_P` / `_Q` leave one of them out; its address is then ignored.
 * - `DMA_PREP_CONTINUE` adds to what P and Q hold already.
 * - At most {@link dmaMaxPq} sources.
 *
 * P or Q may be one of the sources, in place (as the recovery of two data blocks needs it), but may not overlap one otherwise.
 * Addresses and coefficients are read before the call returns. Returns null when the channel has no room now.
 * Default flags: {@link DMA_CTRL_ACK}.
 */
export type PrepPq = (
  p: DmaAddr,
  q: DmaAddr,
  srcs: ArrayLike<DmaAddr>,
  srcCnt: number,
  coefs: ArrayLike<number>,
  lengthBytes: number,
  flags?: number,
) => DmaTxDescriptor | null;

/** RAID-6 P and Q: `DMA_PQ`. */
export interface PqOperation {
  args: PqArgs;
  limits: PqLimits;
  prep: PrepPq;
}

/**
 * Most sources of a PQ transaction with these flags (`dma_maxpq`). An engine without native continuation reads its earlier
 * result as extra sources: Q alone when P is disabled, else P once and Q twice. One with wired multipliers has no coefficients
 * for these, and the answer is 0: it can't continue.
 */
export function dmaMaxPq(limits: PqLimits, flags: number): number {
  if (limits.continuation || (flags & DMA_PREP_CONTINUE) === 0) return limits.maxSources;
  if (limits.fixedCoefs !== undefined) return 0;
  return limits.maxSources - ((flags & DMA_PREP_PQ_DISABLE_P) !== 0 ? 1 : 3);
}

/** Whether the engine can multiply with the first `srcCnt` of these coefficients in one transaction. */
export function dmaPqCoefsFit(limits: PqLimits, coefs: ArrayLike<number>, srcCnt: number): boolean {
  const fixed = limits.fixedCoefs;
  if (fixed === undefined) return true;
  for (let i = 0; i < srcCnt; i++) {
    if (!fixed.includes(coefs[i] as number)) return false;
    for (let earlier = 0; earlier < i; earlier++) if (coefs[earlier] === coefs[i]) return false;
  }
  return true;
}

/** Refuses a PQ or PQ check that has neither P nor Q. */
export function checkPqFlags(operation: string, flags: number): void {
  const neither = DMA_PREP_PQ_DISABLE_P | DMA_PREP_PQ_DISABLE_Q;
  if ((flags & neither) !== neither) return;
  throw new DmaError("ERR_DMA_LIMIT", `${operation}: P and Q are both disabled, so there is nothing to do`);
}

/** Refuses coefficients that are missing, or that the engine doesn't have. Without Q they don't matter. */
export function checkPqCoefs(
  operation: string,
  limits: PqLimits,
  coefs: ArrayLike<number>,
  srcCnt: number,
  flags: number,
): void {
  if ((flags & DMA_PREP_PQ_DISABLE_Q) !== 0) return;
  if (srcCnt > coefs.length) {
    throw new DmaError(
      "ERR_DMA_LIMIT",
      `${operation}: source count is ${srcCnt}, but only ${coefs.length} coefficients were given`,
    );
  }
  if (limits.fixedCoefs === undefined || dmaPqCoefsFit(limits, coefs, srcCnt)) return;
  throw new DmaError(
    "ERR_DMA_LIMIT",
    `${operation}: expected coefficients from ${limits.fixedCoefs.join(", ")}, each at most once, ` +
      `got ${Array.from(coefs).slice(0, srcCnt).join(", ")}`,
  );
}

export const pq: OperationDefinition<"pq"> = {
  name: "pq",
  createArgs: (limits) => ({
    p: 0,
    q: 0,
    srcs: new Float64Array(limits.maxSources),
    coefs: new Uint8Array(limits.maxSources),
    srcCnt: 0,
    lengthBytes: 0,
  }),
  bind:
    (port) =>
    (p, q, srcs, srcCnt, coefs, lengthBytes, flags = DMA_CTRL_ACK) => {
      checkPqFlags("pq", flags);
      checkLength("pq", port.limits, lengthBytes);
      checkSources("pq", srcs, srcCnt, 1, dmaMaxPq(port.limits, flags));
      checkPqCoefs("pq", port.limits, coefs, srcCnt, flags);
      if ((flags & DMA_PREP_PQ_DISABLE_P) === 0) checkAddr("pq", port.limits, p);
      if ((flags & DMA_PREP_PQ_DISABLE_Q) === 0) checkAddr("pq", port.limits, q);
      for (let i = 0; i < srcCnt; i++) checkAddr("pq", port.limits, srcs[i] as DmaAddr);
      const tx = port.begin(flags);
      if (tx === null) return null;
      const { args } = tx;
      args.p = p;
      args.q = q;
      for (let i = 0; i < srcCnt; i++) {
        args.srcs[i] = srcs[i] as DmaAddr;
        args.coefs[i] = coefs[i] as number;
      }
      args.srcCnt = srcCnt;
      args.lengthBytes = lengthBytes;
      return port.end(tx, lengthBytes * srcCnt);
    },
  reads(args, flags, visit) {
    for (let i = 0; i < args.srcCnt; i++) visit(args.srcs[i] as DmaAddr, args.lengthBytes);
    if ((flags & DMA_PREP_CONTINUE) !== 0) pqOutputs(args, flags, visit);
  },
  writes: (args, flags, visit) => pqOutputs(args, flags, visit),
  reference(args, flags, memory) {
    const hasP = (flags & DMA_PREP_PQ_DISABLE_P) === 0;
    const hasQ = (flags & DMA_PREP_PQ_DISABLE_Q) === 0;
    const goesOn = (flags & DMA_PREP_CONTINUE) !== 0;
    for (let at = 0; at < args.lengthBytes; at++) {
      // Both sums before either write: P or Q may be one of the sources.
      const p = pSum(args, at, memory) ^ (goesOn && hasP ? memory.read(args.p + at) : 0);
      const q = qSum(args, at, memory) ^ (goesOn && hasQ ? memory.read(args.q + at) : 0);
      if (hasP) memory.write(args.p + at, p);
      if (hasQ) memory.write(args.q + at, q);
    }
  },
};

/** Visits P and Q, as far as they are enabled. */
export function pqOutputs(args: PqArgs, flags: number, visit: RangeVisitor): void {
  if ((flags & DMA_PREP_PQ_DISABLE_P) === 0) visit(args.p, args.lengthBytes);
  if ((flags & DMA_PREP_PQ_DISABLE_Q) === 0) visit(args.q, args.lengthBytes);
}

/** The byte of P at offset `at`, from the sources. */
export function pSum(args: PqArgs, at: number, memory: ReferenceMemory): number {
  let sum = 0;
  for (let i = 0; i < args.srcCnt; i++) sum ^= memory.read((args.srcs[i] as DmaAddr) + at);
  return sum;
}

/** The byte of Q at offset `at`, from the sources. */
export function qSum(args: PqArgs, at: number, memory: ReferenceMemory): number {
  let sum = 0;
  for (let i = 0; i < args.srcCnt; i++) {
    sum ^= gfMul(args.coefs[i] as number, memory.read((args.srcs[i] as DmaAddr) + at));
  }
  return sum;
}
