import type { DmaTxDescriptor } from "../descriptor.js";
import { DMA_CTRL_ACK } from "../flags.js";
import type { OperationDefinition } from "./operation.js";
import {
  checkSegments,
  createSegmentArgs,
  type DmaSegments,
  type SegmentArgs,
  type SegmentLimits,
  takeSegments,
  visitSegments,
} from "./segments.js";

export interface MemsetSgArgs extends SegmentArgs {
  /** The byte to fill with, 0 to 255. */
  value: number;
}

/**
 * Fills the first `count` segments of a mapped list with the byte `value` (`device_prep_dma_memset_sg`). The list is read before the
 * call returns. Returns null when the channel has no room now. Default flags: {@link DMA_CTRL_ACK}.
 */
export type PrepMemsetSg = (
  sgl: DmaSegments,
  count: number,
  value: number,
  flags?: number,
) => DmaTxDescriptor | null;

/** Fill of several segments with one byte: `DMA_MEMSET_SG`. */
export interface MemsetSgOperation {
  args: MemsetSgArgs;
  limits: SegmentLimits;
  prep: PrepMemsetSg;
}

export const memsetSg: OperationDefinition<"memsetSg"> = {
  name: "memsetSg",
  createArgs: (limits) => ({ ...createSegmentArgs(limits), value: 0 }),
  bind:
    (port) =>
    (sgl, count, value, flags = DMA_CTRL_ACK) => {
      const lengthBytes = checkSegments("memsetSg", port.limits, sgl, count);
      const tx = port.begin(flags);
      if (tx === null) return null;
      takeSegments(tx.args, sgl, count);
      tx.args.value = value & 0xff;
      return port.end(tx, lengthBytes);
    },
  reads() {},
  writes: (args, _flags, visit) => visitSegments(args, visit),
  reference(args, _flags, memory) {
    visitSegments(args, (addr, lengthBytes) => {
      for (let i = 0; i < lengthBytes; i++) memory.write(addr + i, args.value);
    });
  },
};
