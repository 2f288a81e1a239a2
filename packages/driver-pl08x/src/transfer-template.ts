import type { DmaAddr } from "@dmaengine/core/driver";
import {
  AHB1,
  AHB2,
  BURST_ELEMENTS,
  CONTROL_DB_SIZE_SHIFT,
  CONTROL_DST_AHB2,
  CONTROL_DST_INCR,
  CONTROL_DWIDTH_SHIFT,
  CONTROL_PROT_SYS,
  CONTROL_SB_SIZE_SHIFT,
  CONTROL_SRC_AHB2,
  CONTROL_SRC_INCR,
  CONTROL_SWIDTH_SHIFT,
} from "./datasheet.js";
import type { AhbBuses } from "./platform-data.js";
import { type Txd, USABLE_LLIS } from "./txd.js";
import type { Pl08xVariant } from "./variant.js";

/** What all items of a transfer have in common: the `cctl` that `pl08x_fill_llis_for_desc` starts from. */
export interface TransferTemplate {
  /** Widest access on both sides. */
  readonly widthBytes: number;
  readonly srcIncrements: boolean;
  readonly dstIncrements: boolean;
  /** CONTROL without widths and transfer size. */
  readonly control: number;
}

/** How a transfer is to use the bus. */
export interface BusUse {
  readonly widthBytes: number;
  /** Most accesses in one burst; the longest burst up to there is used, and 0 means 1. */
  readonly maxBurst: number;
  readonly srcIncrements: boolean;
  readonly dstIncrements: boolean;
  readonly srcBuses: AhbBuses;
  readonly dstBuses: AhbBuses;
}

/** The template for a use of the bus. Accesses are privileged. */
export function transferTemplate({ widthBytes, maxBurst, ...use }: BusUse): TransferTemplate {
  const burst = Math.max(
    BURST_ELEMENTS.findLastIndex((elements) => elements <= maxBurst),
    0,
  );
  const { srcIncrements, dstIncrements } = use;
  return {
    widthBytes,
    srcIncrements,
    dstIncrements,
    control:
      (burst << CONTROL_SB_SIZE_SHIFT) |
      (burst << CONTROL_DB_SIZE_SHIFT) |
      (srcIncrements ? CONTROL_SRC_INCR : 0) |
      (dstIncrements ? CONTROL_DST_INCR : 0) |
      CONTROL_PROT_SYS |
      selectBuses(use.srcBuses, use.dstBuses),
  };
}

/** Source and destination go through a master each where that is possible (`pl08x_select_bus`). */
function selectBuses(src: AhbBuses, dst: AhbBuses): number {
  const dstAhb2 = (dst & AHB1) === 0 || ((dst & AHB2) !== 0 && (src & AHB1) !== 0);
  const srcAhb2 = (src & AHB1) === 0 || ((src & AHB2) !== 0 && !dstAhb2);
  return (srcAhb2 ? CONTROL_SRC_AHB2 : 0) | (dstAhb2 ? CONTROL_DST_AHB2 : 0);
}

/**
 * Adds the items for one segment (`pl08x_fill_llis_for_desc`): single bytes up to where the master bus is aligned, then whole accesses, then
 * the bytes that are left over. The master bus is the side whose alignment rules; the other one makes do with bytes if it is not aligned there.
 */
export function addSegment(
  txd: Txd,
  variant: Pl08xVariant,
  template: TransferTemplate,
  src: DmaAddr,
  dst: DmaAddr,
  lengthBytes: number,
): void {
  const { widthBytes, srcIncrements, dstIncrements, control } = template;
  // Both sides have the same width, so unless the source alone stands still, the destination rules.
  const dstIsMaster = !dstIncrements || srcIncrements;
  let done = 0;
  const earlyBytes = bytesBeforeAligned(dstIsMaster ? dst : src, widthBytes, lengthBytes);
  if (earlyBytes > 0) {
    txd.add(src, dst, control, earlyBytes);
    done = earlyBytes;
  }
  const slaveAddr = dstIsMaster ? at(src, srcIncrements, done) : at(dst, dstIncrements, done);
  const slaveWidth = slaveAddr % widthBytes === 0 ? widthBytes : 1;
  const srcWidth = dstIsMaster ? slaveWidth : widthBytes;
  const dstWidth = dstIsMaster ? widthBytes : slaveWidth;
  const widths =
    (widthCode(srcWidth) << CONTROL_SWIDTH_SHIFT) | (widthCode(dstWidth) << CONTROL_DWIDTH_SHIFT);
  const maxBytes = floorTo(srcWidth * variant.maxTransferSize, widthBytes);
  while (lengthBytes - done >= widthBytes) {
    const bytes = Math.min(floorTo(lengthBytes - done, widthBytes), maxBytes);
    txd.add(at(src, srcIncrements, done), at(dst, dstIncrements, done), control | widths, bytes / srcWidth);
    done += bytes;
  }
  if (done < lengthBytes) {
    txd.add(at(src, srcIncrements, done), at(dst, dstIncrements, done), control, lengthBytes - done);
  }
}

/** The longest segment, if there is one alone: with an item of single bytes on either end, and bytes on the slave side. */
export function maxSegmentBytes(variant: Pl08xVariant, widthBytes: number): number {
  return (USABLE_LLIS - 2) * floorTo(variant.maxTransferSize, widthBytes);
}

/** How many segments of up to `lengthBytes` fit in the items of a transaction, however they are aligned. */
export function maxSegments(variant: Pl08xVariant, widthBytes: number, lengthBytes: number): number {
  return Math.floor(
    USABLE_LLIS / (2 + Math.ceil(lengthBytes / floorTo(variant.maxTransferSize, widthBytes))),
  );
}

/** 1, 2 and 4 bytes are 0, 1 and 2. */
function widthCode(widthBytes: number): number {
  return widthBytes >>> 1;
}

function bytesBeforeAligned(addr: DmaAddr, widthBytes: number, lengthBytes: number): number {
  if (lengthBytes < widthBytes) return lengthBytes;
  const early = (widthBytes - (addr % widthBytes)) % widthBytes;
  return early > 0 && lengthBytes - early < widthBytes ? lengthBytes : early;
}

function at(addr: DmaAddr, increments: boolean, doneBytes: number): DmaAddr {
  return increments ? addr + doneBytes : addr;
}

function floorTo(value: number, step: number): number {
  return value - (value % step);
}
