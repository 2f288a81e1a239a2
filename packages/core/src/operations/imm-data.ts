import type { DmaTxDescriptor } from "../descriptor.js";
import { DMA_CTRL_ACK } from "../flags.js";
import type { DmaAddr } from "../mapping/domain.js";
import { checkAddr } from "./limits.js";
import type { OperationDefinition } from "./operation.js";

const IMM_DATA_BYTES = 8;

export interface ImmDataLimits {
  /** Addresses must be multiples of this power of two. Default 1. */
  readonly alignBytes?: number;
}

export interface ImmDataArgs {
  dst: DmaAddr;
  /** Bits 0 to 31 and 32 to 63 of the data, each as an unsigned number. */
  low: number;
  high: number;
}

/**
 * Writes the 64-bit number `high * 2^32 + low` to `dst`, least significant byte first (`device_prep_dma_imm_data`).
 * Returns null when the channel has no room now. Default flags: {@link DMA_CTRL_ACK}.
 */
export type PrepImmData = (dst: DmaAddr, low: number, high: number, flags?: number) => DmaTxDescriptor | null;

/** Write of 8 bytes that travel in the descriptor. */
export interface ImmDataOperation {
  args: ImmDataArgs;
  limits: ImmDataLimits;
  prep: PrepImmData;
}

export const immData: OperationDefinition<"immData"> = {
  name: "immData",
  createArgs: () => ({ dst: 0, low: 0, high: 0 }),
  bind:
    (port) =>
    (dst, low, high, flags = DMA_CTRL_ACK) => {
      checkAddr("immData", port.limits, dst);
      const tx = port.begin(flags);
      if (tx === null) return null;
      const { args } = tx;
      args.dst = dst;
      args.low = low >>> 0;
      args.high = high >>> 0;
      return port.end(tx, IMM_DATA_BYTES);
    },
  reads() {},
  writes: (args, _flags, visit) => visit(args.dst, IMM_DATA_BYTES),
  reference(args, _flags, memory) {
    for (let i = 0; i < IMM_DATA_BYTES; i++) {
      const word = i < 4 ? args.low : args.high;
      memory.write(args.dst + i, (word >>> (8 * (i % 4))) & 0xff);
    }
  },
};
