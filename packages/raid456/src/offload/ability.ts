/**
 * Whether an engine can carry out a page operation, by its capability record: which operations it has, how many sources they take,
 * which coefficients, which lengths.
 *
 * @module
 */

import {
  DMA_PREP_CONTINUE,
  DMA_PREP_PQ_DISABLE_P,
  DMA_PREP_PQ_DISABLE_Q,
  type DmaDevice,
  dmaMaxPq,
  dmaPqCoefsFit,
  type PqLimits,
  SumCheck,
} from "@dmaengine/core";
import { NOTHING, type StripePage } from "../stripe/stripe-page.js";
import { inParts } from "./in-parts.js";
import {
  type FillOp,
  lengthOf,
  type PageOp,
  type PqOp,
  type PqValOp,
  visitPages,
  type XorOp,
  type XorValOp,
} from "./page-op.js";

/** The engine operations that page operations are made of. */
export const RAID_OPERATIONS = ["memcpy", "xor", "xorVal", "pq", "pqVal"] as const;
export type RaidOperation = (typeof RAID_OPERATIONS)[number];

/** No cache line is longer than this on a machine whose devices don't see its caches (`ARCH_DMA_MINALIGN` of arch/arm64). */
const CACHE_LINE_BYTES = 128;

/** The engine operation that a page operation is, where the engine can do it as it stands. */
export const ENGINE_OPERATION = {
  drain: "memcpy",
  fill: "memcpy",
  xor: "xor",
  pq: "pq",
  xorVal: "xorVal",
  pqVal: "pqVal",
} as const satisfies Record<PageOp["op"], RaidOperation>;

/** Whether an engine can do an operation, as it stands or in parts. */
export function canDo(device: DmaDevice, op: PageOp): boolean {
  return hindrance(device, op) === null || canDoInParts(device, op);
}

/** Whether an engine can do everything, as it stands, that there may be to do with a stripe of so many pages: then it need not be asked for each operation. */
export function canDoEverything(device: DmaDevice, pages: number): boolean {
  return hardest(pages).every((op) => hindrance(device, op) === null);
}

/** What asks the most of an engine: single bytes at odd places, as many sources as there are pages, and coefficients that nobody has wired. */
function hardest(pages: number): readonly PageOp[] {
  const srcs = new Array<StripePage>(pages).fill(NO_PAGE);
  const coefs = new Array<number>(pages).fill(0);
  const [range, result] = [{ start: 1, end: 2 }, new SumCheck()];
  const sums = { p: NO_PAGE, q: NO_PAGE, srcs, coefs, range };
  const copy = { page: NO_PAGE, pageOffset: 1, lengthBytes: 1 };
  const request = new Uint8Array(3);
  return [
    { op: "drain", ...copy, from: request, fromOffset: 1 },
    { op: "fill", ...copy, into: request, intoOffset: 1 },
    { op: "xor", dst: NO_PAGE, srcs, range },
    { op: "pq", ...sums, goOn: true },
    { op: "xorVal", srcs, range, result },
    { op: "pqVal", ...sums, result },
  ];
}

/** Whether an engine can do all the parts that {@link inParts} makes of an operation. */
export function canDoInParts(device: DmaDevice, op: PageOp): boolean {
  const parts = inParts(op, () => NO_PAGE);
  return parts?.ops.every((part) => hindrance(device, part) === null) === true;
}

/** Stands for a page of which only that it is one matters. */
const NO_PAGE: StripePage = { bytes: new Uint8Array(0), mapping: null, valid: NOTHING };

/** Why an engine can't do an operation as it stands; null if it can. Too long or too many sources to a sum is no reason: it takes several transactions then. */
export function hindrance(device: DmaDevice, op: PageOp): string | null {
  const { capabilities } = device;
  const operation = ENGINE_OPERATION[op.op];
  const limits = capabilities[operation];
  if (limits === undefined) return `it has no ${operation}`;
  const { alignBytes = 1, minLengthBytes = 1 } = limits;
  const lengthBytes = lengthOf(op);
  if (lengthBytes < minLengthBytes) return `its ${operation} takes ${minLengthBytes} bytes at least`;
  if (alignBytes > 1 && !isAligned(op, alignBytes))
    return `its ${operation} wants ${alignBytes}-byte alignment`;
  switch (op.op) {
    case "drain":
      return null;
    case "fill":
      return device.domain.coherent !== false || hasItsLines(op)
        ? null
        : "its caches would mix up a request that has parts of cache lines only";
    case "xor":
      return xorHindrance(capabilities.xor?.maxSources ?? 0, op);
    case "pq":
      return pqHindrance(capabilities.pq as PqLimits, op);
    case "xorVal":
      return checkHindrance("xorVal", capabilities.xorVal?.maxSources ?? 0, op);
    case "pqVal":
      return (
        coefsHindrance("pqVal", capabilities.pqVal as PqLimits, op) ??
        checkHindrance("pqVal", (capabilities.pqVal as PqLimits).maxSources, op)
      );
  }
}

/** Which of P and Q are left out, as flags of a prep call. */
export function disabled({ p, q }: PqOp | PqValOp): number {
  return (p === null ? DMA_PREP_PQ_DISABLE_P : 0) | (q === null ? DMA_PREP_PQ_DISABLE_Q : 0);
}

/** Buffers begin at a multiple of 4096 on the bus, too, so offsets in them tell. */
function isAligned(op: PageOp, alignBytes: number): boolean {
  let offsets = lengthOf(op);
  visitPages(op, ({ bytes }, range) => {
    offsets |= bytes.byteOffset + range.start;
  });
  if (op.op === "drain") offsets |= op.from.byteOffset + op.fromOffset;
  if (op.op === "fill") offsets |= op.into.byteOffset + op.intoOffset;
  return (offsets & (alignBytes - 1)) === 0;
}

/** A sum in pieces has what was summed up so far as one of its sources. */
function xorHindrance(maxSources: number, { srcs }: XorOp): string | null {
  return srcs.length <= maxSources || maxSources >= 2 ? null : `its xor takes ${maxSources} source`;
}

function pqHindrance(limits: PqLimits, op: PqOp): string | null {
  const coefs = coefsHindrance("pq", limits, op);
  if (coefs !== null) return coefs;
  const goesOn = op.goOn || op.srcs.length > limits.maxSources;
  return !goesOn || dmaMaxPq(limits, disabled(op) | DMA_PREP_CONTINUE) >= 1
    ? null
    : `its pq takes ${limits.maxSources} sources and can't be continued`;
}

function coefsHindrance(operation: string, limits: PqLimits, op: PqOp | PqValOp): string | null {
  return op.q === null || dmaPqCoefsFit(limits, op.coefs, op.coefs.length)
    ? null
    : `its ${operation} has fixed coefficients`;
}

/** A check can't be continued. */
function checkHindrance(operation: string, maxSources: number, { srcs }: XorValOp | PqValOp): string | null {
  return srcs.length <= maxSources
    ? null
    : `its ${operation} takes ${maxSources} sources, ${srcs.length} are needed`;
}

/**
 * Whether a read request has the cache lines for itself in which an engine is to write. If not, somebody may use what else is in them, and the
 * caches would write it over the engine's bytes, or lose it. (The kernel demands it of memory that is mapped: Documentation/core-api/dma-api-howto.rst.)
 */
function hasItsLines({ into, intoOffset, lengthBytes }: FillOp): boolean {
  const start = into.byteOffset + intoOffset;
  const end = start + lengthBytes;
  return start % CACHE_LINE_BYTES === 0 && (end % CACHE_LINE_BYTES === 0 || end === into.buffer.byteLength);
}
