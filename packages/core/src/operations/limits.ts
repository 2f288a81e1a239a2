import { DmaError } from "../errors.js";
import type { DmaAddr } from "../mapping/domain.js";
import { DmaTransferDirection, type SlaveCapabilities } from "../slave.js";
import type { BlockLimits, ReferenceMemory, ReferencePeripheral } from "./operation.js";

/** Refuses a length that the limits forbid. */
export function checkLength(operation: string, limits: BlockLimits, lengthBytes: number): void {
  const min = limits.minLengthBytes ?? 1;
  const max = limits.maxLengthBytes ?? Number.MAX_SAFE_INTEGER;
  const align = limits.alignBytes ?? 1;
  if (lengthBytes >= min && lengthBytes <= max && lengthBytes % align === 0) return;
  throw new DmaError(
    "ERR_DMA_LIMIT",
    `${operation}: expected a length from ${min} to ${max} bytes in steps of ${align}, got ${lengthBytes}`,
  );
}

/** Refuses an address that is no address or not aligned as the limits want it. */
export function checkAddr(operation: string, limits: Pick<BlockLimits, "alignBytes">, addr: DmaAddr): void {
  const align = limits.alignBytes ?? 1;
  if (addr >= 0 && addr % align === 0) return;
  throw new DmaError(
    "ERR_DMA_LIMIT",
    addr >= 0
      ? `${operation}: expected bus addresses aligned to ${align} bytes, got 0x${addr.toString(16)}`
      : `${operation}: expected a bus address, got ${addr}: test what a mapping call returns with dmaMappingError()`,
  );
}

/** Refuses a number of sources outside `min … max`, or beyond the list that holds them. */
export function checkSources(
  operation: string,
  srcs: ArrayLike<DmaAddr>,
  srcCnt: number,
  min: number,
  max: number,
): void {
  if (srcCnt >= min && srcCnt <= max && srcCnt <= srcs.length) return;
  throw new DmaError(
    "ERR_DMA_LIMIT",
    srcCnt > srcs.length
      ? `${operation}: source count is ${srcCnt}, but only ${srcs.length} addresses were given`
      : `${operation}: expected ${min} to ${max} sources on this channel, got ${srcCnt}`,
  );
}

/** Refuses a direction that is not from or to a peripheral, or that the device does not have. */
export function checkSlaveDirection(
  operation: string,
  slave: SlaveCapabilities | null,
  direction: DmaTransferDirection,
): void {
  const toOrFrom =
    direction === DmaTransferDirection.MEM_TO_DEV || direction === DmaTransferDirection.DEV_TO_MEM;
  if (toOrFrom && slave?.directions.includes(direction) === true) return;
  const names = Object.entries(DmaTransferDirection)
    .filter(([, value]) => slave?.directions.includes(value) === true)
    .map(([name]) => name);
  throw new DmaError(
    "ERR_DMA_LIMIT",
    `${operation}: expected one of the device's directions (${names.join(", ")}) from or to a peripheral, got ${direction}`,
  );
}

/** The peripheral that a reference implementation needs. */
export function peripheralOf(operation: string, memory: ReferenceMemory): ReferencePeripheral {
  if (memory.peripheral !== undefined) return memory.peripheral;
  throw new TypeError(`${operation}: its reference needs a ReferenceMemory with a peripheral`);
}
