import { copyBlock, fillBlock, type PhysicalMemory } from "@dmaengine/sim";
import {
  CHANERR_READ_DATA,
  CHANERR_WRITE_DATA,
  CTL_NULL,
  FIELD_DST,
  FIELD_SRC,
  OP_FILL,
} from "../datasheet.js";
import type { FetchedDescriptor } from "./descriptor.js";

const pattern = new Uint8Array(8);

/** Does the work of a copy or fill descriptor. Returns 0, or CHANERR bits, and then nothing was written. */
export function executeCopy(memory: PhysicalMemory, descriptor: FetchedDescriptor): number {
  const { sizeBytes, control, op } = descriptor;
  if ((control & CTL_NULL) !== 0) return 0;
  const dstAddr = descriptor.field(FIELD_DST);
  if (op === OP_FILL) {
    const filled = memory.locate(dstAddr, sizeBytes, "write");
    if (filled === null) return CHANERR_WRITE_DATA;
    descriptor.bytes(FIELD_SRC, pattern);
    fillBlock(filled, dstAddr, pattern, sizeBytes);
    return 0;
  }
  const srcAddr = descriptor.field(FIELD_SRC);
  const src = memory.locate(srcAddr, sizeBytes, "read");
  if (src === null) return CHANERR_READ_DATA;
  const dst = memory.locate(dstAddr, sizeBytes, "write");
  if (dst === null) return CHANERR_WRITE_DATA;
  copyBlock(src, srcAddr, dst, dstAddr, sizeBytes);
  return 0;
}
