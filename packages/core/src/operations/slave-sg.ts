import type { DmaTxDescriptor } from "../descriptor.js";
import { DMA_CTRL_ACK } from "../flags.js";
import { DmaTransferDirection } from "../slave.js";
import { checkSlaveDirection, peripheralOf } from "./limits.js";
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

export interface SlaveSgArgs extends SegmentArgs {
  direction: DmaTransferDirection;
}

/**
 * Moves data between the peripheral that the channel is configured for and the first `count` segments of a mapped list
 * (`dmaengine_prep_slave_sg`). The list is read before the call returns; the mapping stays the client's, who may still attach an unmap
 * record. Returns null when the channel has no room now. Default flags: {@link DMA_CTRL_ACK}.
 *
 * @param direction - MEM_TO_DEV or DEV_TO_MEM.
 */
export type PrepSlaveSg = (
  sgl: DmaSegments,
  count: number,
  direction: DmaTransferDirection,
  flags?: number,
) => DmaTxDescriptor | null;

/** Transfer between a peripheral and segments of memory: `DMA_SLAVE`. */
export interface SlaveSgOperation {
  args: SlaveSgArgs;
  limits: SegmentLimits;
  prep: PrepSlaveSg;
  slave: true;
}

export const slaveSg: OperationDefinition<"slaveSg"> = {
  name: "slaveSg",
  slave: true,
  createArgs: (limits) => ({ ...createSegmentArgs(limits), direction: DmaTransferDirection.MEM_TO_DEV }),
  bind:
    (port) =>
    (sgl, count, direction, flags = DMA_CTRL_ACK) => {
      checkSlaveDirection("slaveSg", port.slave, direction);
      const lengthBytes = checkSegments("slaveSg", port.limits, sgl, count);
      const tx = port.begin(flags);
      if (tx === null) return null;
      takeSegments(tx.args, sgl, count);
      tx.args.direction = direction;
      return port.end(tx, lengthBytes);
    },
  reads(args, _flags, visit) {
    if (args.direction === DmaTransferDirection.MEM_TO_DEV) visitSegments(args, visit);
  },
  writes(args, _flags, visit) {
    if (args.direction === DmaTransferDirection.DEV_TO_MEM) visitSegments(args, visit);
  },
  reference(args, _flags, memory) {
    const peripheral = peripheralOf("slaveSg", memory);
    visitSegments(args, (addr, lengthBytes) => {
      for (let i = 0; i < lengthBytes; i++) {
        if (args.direction === DmaTransferDirection.MEM_TO_DEV) peripheral.write(memory.read(addr + i));
        else memory.write(addr + i, peripheral.read());
      }
    });
  },
};
