import type { DmaTxDescriptor } from "../descriptor.js";
import { DMA_CTRL_ACK } from "../flags.js";
import type { DmaAddr } from "../mapping/domain.js";
import { checkAddr, checkLength } from "./limits.js";
import type { BlockLimits, OperationDefinition } from "./operation.js";

export interface MemsetArgs {
  dst: DmaAddr;
  /** The byte to fill with, 0 to 255. */
  value: number;
  lengthBytes: number;
}

/**
 * Fills `lengthBytes` at `dst` with the byte `value` (`device_prep_dma_memset`).
 * Returns null when the channel has no room now. Default flags: {@link DMA_CTRL_ACK}.
 */
export type PrepMemset = (
  dst: DmaAddr,
  value: number,
  lengthBytes: number,
  flags?: number,
) => DmaTxDescriptor | null;

/** Fill with one byte: `DMA_MEMSET`. */
export interface MemsetOperation {
  args: MemsetArgs;
  limits: BlockLimits;
  prep: PrepMemset;
}

export const memset: OperationDefinition<"memset"> = {
  name: "memset",
  createArgs: () => ({ dst: 0, value: 0, lengthBytes: 0 }),
  bind:
    (port) =>
    (dst, value, lengthBytes, flags = DMA_CTRL_ACK) => {
      checkLength("memset", port.limits, lengthBytes);
      checkAddr("memset", port.limits, dst);
      const tx = port.begin(flags);
      if (tx === null) return null;
      const { args } = tx;
      args.dst = dst;
      args.value = value & 0xff;
      args.lengthBytes = lengthBytes;
      return port.end(tx, lengthBytes);
    },
  reads() {},
  writes: (args, _flags, visit) => visit(args.dst, args.lengthBytes),
  reference(args, _flags, memory) {
    for (let i = 0; i < args.lengthBytes; i++) memory.write(args.dst + i, args.value);
  },
};
