import type { DmaTxDescriptor } from "../descriptor.js";
import { DMA_CTRL_ACK } from "../flags.js";
import type { DmaAddr } from "../mapping/domain.js";
import { checkAddr, checkLength } from "./limits.js";
import type { BlockLimits, OperationDefinition } from "./operation.js";

export interface MemcpyArgs {
  dst: DmaAddr;
  src: DmaAddr;
  lengthBytes: number;
}

/**
 * Copies `lengthBytes` from `src` to `dst` (`device_prep_dma_memcpy`). The ranges must not overlap.
 * Returns null when the channel has no room now. Default flags: {@link DMA_CTRL_ACK}.
 */
export type PrepMemcpy = (
  dst: DmaAddr,
  src: DmaAddr,
  lengthBytes: number,
  flags?: number,
) => DmaTxDescriptor | null;

/** Memory to memory copy: `DMA_MEMCPY`. */
export interface MemcpyOperation {
  args: MemcpyArgs;
  limits: BlockLimits;
  prep: PrepMemcpy;
}

export const memcpy: OperationDefinition<"memcpy"> = {
  name: "memcpy",
  createArgs: () => ({ dst: 0, src: 0, lengthBytes: 0 }),
  bind:
    (port) =>
    (dst, src, lengthBytes, flags = DMA_CTRL_ACK) => {
      checkLength("memcpy", port.limits, lengthBytes);
      checkAddr("memcpy", port.limits, dst);
      checkAddr("memcpy", port.limits, src);
      const tx = port.begin(flags);
      if (tx === null) return null;
      const { args } = tx;
      args.dst = dst;
      args.src = src;
      args.lengthBytes = lengthBytes;
      return port.end(tx, lengthBytes);
    },
  reads: (args, _flags, visit) => visit(args.src, args.lengthBytes),
  writes: (args, _flags, visit) => visit(args.dst, args.lengthBytes),
  reference(args, _flags, memory) {
    for (let i = 0; i < args.lengthBytes; i++) memory.write(args.dst + i, memory.read(args.src + i));
  },
};
