import type { DmaTxDescriptor } from "../descriptor.js";
import { DmaError } from "../errors.js";
import { DMA_CTRL_ACK, DMA_PREP_INTERRUPT } from "../flags.js";
import type { DmaAddr } from "../mapping/domain.js";
import { DmaTransferDirection } from "../slave.js";
import { checkAddr, checkLength, checkSlaveDirection, peripheralOf } from "./limits.js";
import type { BlockLimits, OperationDefinition } from "./operation.js";

export interface CyclicLimits extends BlockLimits {
  /** Most periods in the ring. Default: no limit. */
  readonly maxPeriods?: number;
}

export interface CyclicArgs {
  addr: DmaAddr;
  /** Length of the whole ring; a multiple of the period. */
  lengthBytes: number;
  periodBytes: number;
  direction: DmaTransferDirection;
}

/**
 * Moves data between the peripheral that the channel is configured for and a ring of periods, round and round until the channel is
 * terminated (`dmaengine_prep_dma_cyclic`). The callback runs once for each period; the cookie never completes.
 * Returns null when the channel has no room now. Default flags: {@link DMA_PREP_INTERRUPT} and {@link DMA_CTRL_ACK}.
 *
 * @param direction - MEM_TO_DEV or DEV_TO_MEM.
 */
export type PrepCyclic = (
  addr: DmaAddr,
  lengthBytes: number,
  periodBytes: number,
  direction: DmaTransferDirection,
  flags?: number,
) => DmaTxDescriptor | null;

/** Endless transfer between a peripheral and a ring of periods: `DMA_CYCLIC`. */
export interface CyclicOperation {
  args: CyclicArgs;
  limits: CyclicLimits;
  prep: PrepCyclic;
  slave: true;
}

export const cyclic: OperationDefinition<"cyclic"> = {
  name: "cyclic",
  slave: true,
  createArgs: () => ({
    addr: 0,
    lengthBytes: 0,
    periodBytes: 0,
    direction: DmaTransferDirection.MEM_TO_DEV,
  }),
  bind:
    (port) =>
    (addr, lengthBytes, periodBytes, direction, flags = DMA_PREP_INTERRUPT | DMA_CTRL_ACK) => {
      checkSlaveDirection("cyclic", port.slave, direction);
      checkAddr("cyclic", port.limits, addr);
      checkLength("cyclic", port.limits, periodBytes);
      const periods = lengthBytes / periodBytes;
      const max = port.limits.maxPeriods ?? Number.MAX_SAFE_INTEGER;
      if (!(Number.isInteger(periods) && periods >= 1 && periods <= max)) {
        throw new DmaError(
          "ERR_DMA_LIMIT",
          `cyclic: expected a ring of 1 to ${max} whole periods, got ${lengthBytes} bytes in periods of ${periodBytes}`,
        );
      }
      const tx = port.begin(flags);
      if (tx === null) return null;
      const { args } = tx;
      args.addr = addr;
      args.lengthBytes = lengthBytes;
      args.periodBytes = periodBytes;
      args.direction = direction;
      return port.end(tx, lengthBytes);
    },
  reads(args, _flags, visit) {
    if (args.direction === DmaTransferDirection.MEM_TO_DEV) visit(args.addr, args.lengthBytes);
  },
  writes(args, _flags, visit) {
    if (args.direction === DmaTransferDirection.DEV_TO_MEM) visit(args.addr, args.lengthBytes);
  },
  /** One time round the ring. */
  reference(args, _flags, memory) {
    const peripheral = peripheralOf("cyclic", memory);
    for (let i = 0; i < args.lengthBytes; i++) {
      if (args.direction === DmaTransferDirection.MEM_TO_DEV) peripheral.write(memory.read(args.addr + i));
      else memory.write(args.addr + i, peripheral.read());
    }
  },
};
