import { copyBlock, type PhysicalMemory } from "@dmaengine/sim";
import { CHANERR_READ_DATA, CHANERR_WRITE_DATA, FIELD_DST, FIELD_SRC } from "../datasheet.js";
import type { FetchedDescriptor } from "./descriptor.js";

/** Does a copy descriptor's work. Returns 0, or CHANERR bits, and then nothing was written. */
export function executeCopy(memory: PhysicalMemory, descriptor: FetchedDescriptor): number {
  const { sizeBytes } = descriptor;
  const srcAddr = descriptor.field(FIELD_SRC);
  const dstAddr = descriptor.field(FIELD_DST);
  const src = memory.locate(srcAddr, sizeBytes, "read");
  if (src === null) return CHANERR_READ_DATA;
  const dst = memory.locate(dstAddr, sizeBytes, "write");
  if (dst === null) return CHANERR_WRITE_DATA;
  copyBlock(src, srcAddr, dst, dstAddr, sizeBytes);
  return 0;
}
