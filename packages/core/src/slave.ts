/**
 * Transfers between memory and a peripheral: what a channel must be told, and what it tells about itself.
 * After `struct dma_slave_config` and `struct dma_slave_caps` of include/linux/dmaengine.h.
 *
 * @module
 */
import { DmaError } from "./errors.js";
import type { DmaAddr } from "./mapping/domain.js";

/** Between what a transfer moves data: `enum dma_transfer_direction`, with the kernel's values. */
export const DmaTransferDirection = {
  MEM_TO_MEM: 0,
  MEM_TO_DEV: 1,
  DEV_TO_MEM: 2,
  DEV_TO_DEV: 3,
} as const;
export type DmaTransferDirection = (typeof DmaTransferDirection)[keyof typeof DmaTransferDirection];

/** How often an engine's residue moves: `enum dma_residue_granularity`, with the kernel's values. */
export const DmaResidueGranularity = {
  /** At the end of a descriptor only. */
  DESCRIPTOR: 0,
  /** After each segment or period. */
  SEGMENT: 1,
  /** After each burst. */
  BURST: 2,
} as const;
export type DmaResidueGranularity = (typeof DmaResidueGranularity)[keyof typeof DmaResidueGranularity];

/** Width of an access to a peripheral's register, in bytes: `enum dma_slave_buswidth`. */
export type DmaSlaveBuswidth = 1 | 2 | 3 | 4 | 8 | 16 | 32 | 64 | 128;

/**
 * How the channel is to talk to its peripheral: `struct dma_slave_config`. It holds for transfers that are prepared *afterwards*.
 * The obsolete field `direction` and the removed `slave_id` of the original are left out.
 */
export interface DmaSlaveConfig {
  /** Bus address of the register that is read, DEV_TO_MEM and DEV_TO_DEV. */
  readonly srcAddr?: DmaAddr;
  /** Bus address of the register that is written, MEM_TO_DEV and DEV_TO_DEV. */
  readonly dstAddr?: DmaAddr;
  readonly srcAddrWidth?: DmaSlaveBuswidth;
  readonly dstAddrWidth?: DmaSlaveBuswidth;
  /** Most accesses in one burst, in units of the width. */
  readonly srcMaxburst?: number;
  readonly dstMaxburst?: number;
  /** Size of the register window, in units of the width, where the peripheral has more than one register. */
  readonly srcPortWindowSize?: number;
  readonly dstPortWindowSize?: number;
  /** The peripheral, not the engine, controls the flow of data. */
  readonly deviceFc?: boolean;
}

/** What a device says of its slave channels. */
export interface SlaveCapabilities {
  readonly directions: readonly DmaTransferDirection[];
  /** Widths that the engine can read a peripheral's register with. */
  readonly srcAddrWidths: readonly DmaSlaveBuswidth[];
  /** Widths that it can write one with. */
  readonly dstAddrWidths: readonly DmaSlaveBuswidth[];
  /** Shortest burst, in accesses. Default 1. */
  readonly minBurst?: number;
  /** Longest burst, in accesses. Default: no limit is known. */
  readonly maxBurst?: number;
  /** Most segments that the engine works through without help. Default: no limit is known. */
  readonly maxSgBurst?: number;
}

/** What a client can ask a slave channel: `struct dma_slave_caps`. */
export interface DmaSlaveCaps extends SlaveCapabilities {
  readonly cmdPause: boolean;
  readonly cmdResume: boolean;
  readonly cmdTerminate: boolean;
  readonly residueGranularity: DmaResidueGranularity;
  readonly descriptorReuse: boolean;
}

/** Refuses a configuration that the device has no way to follow. */
export function checkSlaveConfig(name: string, slave: SlaveCapabilities, config: DmaSlaveConfig): void {
  checkWidth(name, "srcAddrWidth", slave.srcAddrWidths, config.srcAddrWidth);
  checkWidth(name, "dstAddrWidth", slave.dstAddrWidths, config.dstAddrWidth);
  checkBurst(name, "srcMaxburst", slave, config.srcMaxburst);
  checkBurst(name, "dstMaxburst", slave, config.dstMaxburst);
}

function checkWidth(
  name: string,
  field: string,
  widths: readonly DmaSlaveBuswidth[],
  width: DmaSlaveBuswidth | undefined,
): void {
  if (width === undefined || widths.includes(width)) return;
  throw new DmaError(
    "ERR_DMA_LIMIT",
    `${name}: expected a ${field} of ${widths.join(", ")} bytes, got ${width}`,
  );
}

function checkBurst(name: string, field: string, slave: SlaveCapabilities, burst: number | undefined): void {
  const { minBurst = 1, maxBurst = Number.MAX_SAFE_INTEGER } = slave;
  if (burst === undefined || (burst >= minBurst && burst <= maxBurst)) return;
  throw new DmaError(
    "ERR_DMA_LIMIT",
    `${name}: expected a ${field} of ${minBurst} to ${maxBurst}, got ${burst}`,
  );
}
