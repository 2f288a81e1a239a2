import type { BlockLimits, DmaDevice, DmaUnmapData } from "@dmaengine/core";
import { DmaDirection } from "@dmaengine/core";
import type { Page } from "../submit-ctl.js";

/** A part of a page; its length is that of the operation. */
export interface Block {
  readonly page: Page;
  readonly offset: number;
}

/** What an operation maps. A null is an unused P or Q. */
interface Mappings {
  readonly to?: readonly Block[];
  readonly from?: readonly Block[];
  readonly bidi?: readonly (Block | null)[];
}

/** The largest unmap record that there is. */
const MAX_MAPPINGS = 256;

/** Whether a length is within what an engine can do. */
function fits(lengthBytes: number, limits: BlockLimits): boolean {
  const { minLengthBytes = 1, maxLengthBytes = Number.MAX_SAFE_INTEGER, alignBytes = 1 } = limits;
  return lengthBytes >= minLengthBytes && lengthBytes <= maxLengthBytes && lengthBytes % alignBytes === 0;
}

/**
 * Maps what one operation works on, for as long as it takes: its addresses are in the record in the order to, from, bidirectional. Null where the
 * engine's limits or its reach forbid it, and the CPU has to do the operation.
 *
 * As in the original, memory is mapped whoever else has mapped it: a page that two operations of a chain use is mapped twice at a time, and
 * a xor's destination that is one of its sources is mapped twice for one operation. Unlike the original, a mapping that fails is noticed, and so
 * is one that is a copy of the memory: two of these would not see each other's results, coherent caches or not.
 */
export function mapBlocks(
  device: DmaDevice,
  limits: BlockLimits,
  lengthBytes: number,
  { to = [], from = [], bidi = [] }: Mappings,
): DmaUnmapData | null {
  const count = to.length + from.length + bidi.length;
  if (count > MAX_MAPPINGS || !fits(lengthBytes, limits)) return null;
  const unmap = device.getUnmapData(count);
  unmap.len = lengthBytes;
  const bouncedBefore = device.domain.bouncedBytes;
  let mapped = 0;
  const map = (block: Block | null, direction: DmaDirection): boolean => {
    const addr = block === null ? 0 : device.mapPage(block.page, block.offset, lengthBytes, direction);
    if (block !== null && device.mappingError(addr)) return false;
    unmap.addr[mapped++] = addr;
    if (direction === DmaDirection.TO_DEVICE) unmap.toCnt += 1;
    else if (direction === DmaDirection.FROM_DEVICE) unmap.fromCnt += 1;
    else unmap.bidiCnt += 1;
    return addr % (limits.alignBytes ?? 1) === 0;
  };
  let usable = false;
  try {
    usable =
      to.every((block) => map(block, DmaDirection.TO_DEVICE)) &&
      from.every((block) => map(block, DmaDirection.FROM_DEVICE)) &&
      bidi.every((block) => map(block, DmaDirection.BIDIRECTIONAL)) &&
      device.domain.bouncedBytes === bouncedBefore;
  } finally {
    if (!usable) unmap.put();
  }
  return usable ? unmap : null;
}
