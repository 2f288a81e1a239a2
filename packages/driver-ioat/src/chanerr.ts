import { DmaTransResult } from "@dmaengine/core";
import { CHANERR_READ_DATA, CHANERR_WRITE_DATA } from "./datasheet.js";

/** What the bits of CHANERR say, from bit 0 on (registers.h, and `chanerr_str` of drivers/dma/ioat/dma.c). */
const CHANERR_BITS = [
  "source address",
  "destination address",
  "next descriptor address",
  "next descriptor alignment",
  "chain address value",
  "channel command",
  "chipset data integrity",
  "DMA data integrity",
  "read data",
  "write data",
  "descriptor control",
  "descriptor length",
  "completion address",
  "interrupt configuration",
  "super extended descriptor address",
  "unaffiliated",
  "XOR, P or CRC mismatch",
  "Q mismatch",
  "descriptor count",
] as const;

/** CHANERR in words, for messages. */
export function describeChanerr(errors: number): string {
  const names: string[] = [];
  for (let bit = 0; bit < 32; bit++) {
    if (((errors >>> bit) & 1) !== 0) names.push(CHANERR_BITS[bit] ?? `bit ${bit}`);
  }
  return `CHANERR 0x${(errors >>> 0).toString(16)} (${names.join(", ") || "nothing"})`;
}

/** How the transaction ends that the channel halted at. Where a data error is not the reason, it was never carried out. */
export function resultOfChanerr(errors: number): DmaTransResult {
  if ((errors & CHANERR_READ_DATA) !== 0) return DmaTransResult.READ_FAILED;
  return (errors & CHANERR_WRITE_DATA) !== 0 ? DmaTransResult.WRITE_FAILED : DmaTransResult.ABORTED;
}
