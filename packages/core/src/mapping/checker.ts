import type { DmaDevice } from "../device.js";
import { DmaError } from "../errors.js";
import { DmaDirection, directionName } from "./direction.js";
import type { DmaAddr } from "./domain.js";

/** What the checker remembers of one live mapping. */
interface Mapping {
  readonly device: DmaDevice;
  readonly memory: Uint8Array;
  readonly addr: DmaAddr;
  readonly lengthBytes: number;
  readonly direction: DmaDirection;
  /** Where it was made. */
  readonly origin: Error;
  /** What a device that only reads must leave, and a CPU that doesn't own the memory must leave too. Null while the CPU owns it. */
  guarded: Uint8Array | null;
}

/**
 * Watches the mapping API, as kernel/dma/debug.c does, and finds what it can't: true overlap of live mappings, and writes of the CPU into
 * memory that belongs to a device which only reads it.
 */
export class DmaChecker {
  /** Live mappings by buffer: overlap is a question about memory, whichever device or address it has. */
  readonly #byBuffer = new Map<ArrayBufferLike, Mapping[]>();

  map(
    device: DmaDevice,
    memory: Uint8Array,
    offsetBytes: number,
    lengthBytes: number,
    direction: DmaDirection,
    addr: DmaAddr,
  ): void {
    const view = memory.subarray(offsetBytes, offsetBytes + lengthBytes);
    const live = this.#byBuffer.get(memory.buffer) ?? [];
    this.#byBuffer.set(memory.buffer, live);
    const overlapping = live.find(
      (other) =>
        view.byteOffset < other.memory.byteOffset + other.lengthBytes &&
        other.memory.byteOffset < view.byteOffset + lengthBytes &&
        !(direction === DmaDirection.TO_DEVICE && other.direction === DmaDirection.TO_DEVICE),
    );
    if (overlapping !== undefined) {
      throw misuse(
        `${device.name}: maps ${lengthBytes} bytes ${directionName(direction)} that overlap a live mapping of ` +
          `${overlapping.lengthBytes} bytes ${directionName(overlapping.direction)} for ${overlapping.device.name}; ` +
          "unmap that one first, or sync instead of mapping again",
        overlapping,
      );
    }
    const mapping: Mapping = {
      device,
      memory: view,
      addr,
      lengthBytes,
      direction,
      origin: new Error("mapped here"),
      guarded: null,
    };
    live.push(mapping);
    guard(mapping);
  }

  unmap(device: DmaDevice, addr: DmaAddr, lengthBytes: number, direction: DmaDirection): void {
    const mapping = this.#at(device, addr);
    if (mapping === undefined) {
      throw misuse(`${device.name}: unmaps 0x${addr.toString(16)}, which is not mapped (any more)`);
    }
    if (mapping.lengthBytes !== lengthBytes) {
      throw misuse(
        `${device.name}: unmaps ${lengthBytes} bytes of a mapping of ${mapping.lengthBytes}`,
        mapping,
      );
    }
    if (mapping.direction !== direction) {
      throw misuse(
        `${device.name}: unmaps ${directionName(direction)} what was mapped ${directionName(mapping.direction)}`,
        mapping,
      );
    }
    verify(mapping);
    const live = this.#byBuffer.get(mapping.memory.buffer) as Mapping[];
    live.splice(live.indexOf(mapping), 1);
    if (live.length === 0) this.#byBuffer.delete(mapping.memory.buffer);
  }

  syncForCpu(device: DmaDevice, addr: DmaAddr, lengthBytes: number, direction: DmaDirection): void {
    const mapping = this.#forSync(device, addr, lengthBytes, direction);
    verify(mapping);
    mapping.guarded = null;
  }

  syncForDevice(device: DmaDevice, addr: DmaAddr, lengthBytes: number, direction: DmaDirection): void {
    guard(this.#forSync(device, addr, lengthBytes, direction));
  }

  /** Refuses to let a device go that still has mappings. */
  unregister(device: DmaDevice): void {
    const leaked = this.#all().filter((mapping) => mapping.device === device);
    const example = leaked[0];
    if (example === undefined) return;
    throw misuse(
      `${device.name}: goes away with ${leaked.length} live mappings, for example this one`,
      example,
    );
  }

  #all(): Mapping[] {
    return [...this.#byBuffer.values()].flat();
  }

  #at(device: DmaDevice, addr: DmaAddr): Mapping | undefined {
    return this.#all().find((mapping) => mapping.addr === addr && mapping.device.domain === device.domain);
  }

  #forSync(device: DmaDevice, addr: DmaAddr, lengthBytes: number, direction: DmaDirection): Mapping {
    const mapping = this.#all().find(
      (candidate) =>
        candidate.device.domain === device.domain &&
        addr >= candidate.addr &&
        addr < candidate.addr + candidate.lengthBytes,
    );
    if (mapping === undefined) {
      throw misuse(`${device.name}: syncs 0x${addr.toString(16)}, which is not mapped`);
    }
    if (addr + lengthBytes > mapping.addr + mapping.lengthBytes) {
      throw misuse(`${device.name}: syncs ${lengthBytes} bytes that run past the end of a mapping`, mapping);
    }
    if (mapping.direction !== DmaDirection.BIDIRECTIONAL && mapping.direction !== direction) {
      throw misuse(
        `${device.name}: syncs ${directionName(direction)} what was mapped ${directionName(mapping.direction)}`,
        mapping,
      );
    }
    return mapping;
  }
}

/** The device owns the memory from here on. What it only reads must stay as it is. */
function guard(mapping: Mapping): void {
  if (mapping.direction === DmaDirection.TO_DEVICE) mapping.guarded = mapping.memory.slice();
}

/** The CPU takes the memory over: has anybody written what only the device may read? */
function verify(mapping: Mapping): void {
  const { guarded, memory, device } = mapping;
  if (guarded === null) return;
  const at = guarded.findIndex((byte, i) => byte !== memory[i]);
  if (at < 0) return;
  throw misuse(
    `${device.name}: byte ${at} of memory mapped TO_DEVICE was written while the device owned it`,
    mapping,
  );
}

function misuse(message: string, mapping?: Mapping): DmaError {
  return new DmaError(
    "ERR_DMA_CHECK",
    message,
    mapping === undefined ? undefined : { cause: mapping.origin },
  );
}
