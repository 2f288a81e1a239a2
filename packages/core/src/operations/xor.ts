import type { DmaTxDescriptor } from "../descriptor.js";
import { DMA_CTRL_ACK } from "../flags.js";
import type { DmaAddr } from "../mapping/domain.js";
import { checkAddr, checkLength, checkSources } from "./limits.js";
import type { BlockLimits, OperationDefinition } from "./operation.js";

export interface XorLimits extends BlockLimits {
  /** Most sources in one transaction (`max_xor`). */
  readonly maxSources: number;
}

export interface XorArgs {
  dst: DmaAddr;
  /** The first `srcCnt` entries are in use. */
  readonly srcs: Float64Array;
  srcCnt: number;
  lengthBytes: number;
}

/**
 * Writes the xor of `srcCnt` sources to `dst` (`device_prep_dma_xor`). The destination is not an implicit source, but may be
 * one of the sources. The addresses are read before the call returns. Returns null when the channel has no room now.
 * Default flags: {@link DMA_CTRL_ACK}.
 */
export type PrepXor = (
  dst: DmaAddr,
  srcs: ArrayLike<DmaAddr>,
  srcCnt: number,
  lengthBytes: number,
  flags?: number,
) => DmaTxDescriptor | null;

/** Xor of sources into a destination: `DMA_XOR`. */
export interface XorOperation {
  args: XorArgs;
  limits: XorLimits;
  prep: PrepXor;
}

export const xor: OperationDefinition<"xor"> = {
  name: "xor",
  createArgs: (limits) => ({ dst: 0, srcs: new Float64Array(limits.maxSources), srcCnt: 0, lengthBytes: 0 }),
  bind:
    (port) =>
    (dst, srcs, srcCnt, lengthBytes, flags = DMA_CTRL_ACK) => {
      checkLength("xor", port.limits, lengthBytes);
      checkAddr("xor", port.limits, dst);
      checkSources("xor", srcs, srcCnt, 1, port.limits.maxSources);
      for (let i = 0; i < srcCnt; i++) checkAddr("xor", port.limits, srcs[i] as DmaAddr);
      const tx = port.begin(flags);
      if (tx === null) return null;
      const { args } = tx;
      args.dst = dst;
      for (let i = 0; i < srcCnt; i++) args.srcs[i] = srcs[i] as DmaAddr;
      args.srcCnt = srcCnt;
      args.lengthBytes = lengthBytes;
      return port.end(tx, lengthBytes * srcCnt);
    },
  reads(args, _flags, visit) {
    for (let i = 0; i < args.srcCnt; i++) visit(args.srcs[i] as DmaAddr, args.lengthBytes);
  },
  writes: (args, _flags, visit) => visit(args.dst, args.lengthBytes),
  reference(args, _flags, memory) {
    for (let at = 0; at < args.lengthBytes; at++) {
      let sum = 0;
      for (let i = 0; i < args.srcCnt; i++) sum ^= memory.read((args.srcs[i] as DmaAddr) + at);
      memory.write(args.dst + at, sum);
    }
  },
};
