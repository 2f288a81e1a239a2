import type { Descriptor } from "../../descriptor.js";
import { DmaDirection, directionName } from "../direction.js";
import { DMA_MAPPING_ERROR, type DmaAddr, type DmaDomain } from "../domain.js";
import type { MappingDevice } from "../mapping-device.js";
import { type DmaCheck, DmaCheckError } from "./checks.js";
import { ContentGuard, CopyPool, poison } from "./content-guard.js";
import { IntervalIndex } from "./interval-index.js";
import { RangeSet } from "./range-set.js";

/** How the checker is to look. */
export interface DmaCheckerOptions {
  /**
   * Whether each mapping must have been tested with `device.mappingError()` before it is unmapped, as Linux wants it. Default false: here the
   * address of a failed mapping is refused by every prep call, so a test that is left out can't do harm.
   */
  readonly requireMappingErrorTest?: boolean;
}

/** By which call memory was mapped. */
export type MappingKind = "single" | "sg" | "coherent";

/** What the checker remembers of one live mapping. */
interface Mapping {
  readonly device: MappingDevice;
  readonly kind: MappingKind;
  /** Entries of the scatterlist that it belongs to; 1 for the other kinds. */
  readonly sgCount: number;
  readonly memory: Uint8Array;
  readonly addr: DmaAddr;
  readonly direction: DmaDirection;
  /** Where it was made. */
  readonly origin: Error;
  readonly guard: ContentGuard | null;
  /** The parts that were synced for the CPU. */
  readonly cpuOwned: RangeSet;
  /** What transactions in flight do with it. */
  readonly accesses: CheckedAccess[];
  tested: boolean;
}

/** A range of a mapping that a transaction in flight reads or writes; offsets within the mapping. */
export interface CheckedAccess {
  mapping: Mapping;
  start: number;
  end: number;
  readonly writes: boolean;
  readonly tx: string;
}

/**
 * Watches the mapping API, as kernel/dma/debug.c does, and beyond: true overlap, writes of the CPU into memory that belongs to a device, and
 * what transactions do with memory. {@link DmaCheck} lists what it finds.
 *
 * The content of mapped memory is compared where ownership passes or a transaction is submitted, so a write is found there and not when it
 * happens. Where a domain is not coherent, memory that a device may write is not compared: the caches change it.
 */
export class DmaChecker {
  readonly #options: DmaCheckerOptions;
  /** An address has a meaning in its domain, whichever of the domain's devices uses it. */
  readonly #byAddress = new WeakMap<DmaDomain, IntervalIndex<Mapping>>();
  /** Overlap is a question about memory, whichever device or address it has. */
  readonly #byMemory = new WeakMap<ArrayBufferLike, IntervalIndex<Mapping>>();
  readonly #copies = new CopyPool();

  constructor(options: DmaCheckerOptions) {
    this.#options = options;
  }

  /** Before memory is mapped: may it be? Whatever was in memory that only the device may write is gone. */
  beforeMap(
    device: MappingDevice,
    memory: Uint8Array,
    offsetBytes: number,
    lengthBytes: number,
    direction: DmaDirection,
  ): void {
    const start = memory.byteOffset + offsetBytes;
    const readOnly = direction === DmaDirection.TO_DEVICE;
    const overlapping = this.#byMemory
      .get(memory.buffer)
      ?.findOverlapping(
        start,
        start + lengthBytes,
        (other) => !(readOnly && other.direction === DmaDirection.TO_DEVICE),
      );
    if (overlapping !== undefined) {
      throw new DmaCheckError(
        "overlap",
        `${device.name}: maps ${lengthBytes} bytes ${directionName(direction)} that overlap a live mapping of ` +
          `${overlapping.memory.length} bytes ${directionName(overlapping.direction)} for ${overlapping.device.name}; ` +
          "unmap that one first, or sync instead of mapping again",
        overlapping.origin,
      );
    }
    if (direction === DmaDirection.FROM_DEVICE)
      poison(memory.subarray(offsetBytes, offsetBytes + lengthBytes));
  }

  /** A scatterlist's entry got its address: can the device take it as one segment? */
  segment(device: MappingDevice, addr: DmaAddr, lengthBytes: number): DmaCheckError | null {
    const { maxSegmentBytes, segmentBoundaryBytes } = device;
    if (lengthBytes > maxSegmentBytes) {
      return new DmaCheckError(
        "sg-segment-length",
        `${device.name}: maps a segment of ${lengthBytes} bytes; expected at most ${maxSegmentBytes}`,
      );
    }
    const first = Math.floor(addr / segmentBoundaryBytes);
    const last = Math.floor((addr + lengthBytes - 1) / segmentBoundaryBytes);
    if (first === last) return null;
    return new DmaCheckError(
      "sg-segment-boundary",
      `${device.name}: maps a segment of ${lengthBytes} bytes at bus address 0x${addr.toString(16)}, ` +
        `which crosses a multiple of ${segmentBoundaryBytes}`,
    );
  }

  /** Memory was mapped. */
  mapped(
    device: MappingDevice,
    memory: Uint8Array,
    offsetBytes: number,
    lengthBytes: number,
    direction: DmaDirection,
    addr: DmaAddr,
    kind: MappingKind,
    sgCount = 1,
  ): void {
    const view = memory.subarray(offsetBytes, offsetBytes + lengthBytes);
    const steady = device.domain.coherent !== false || direction === DmaDirection.TO_DEVICE;
    const mapping: Mapping = {
      device,
      kind,
      sgCount,
      memory: view,
      addr,
      direction,
      origin: new Error("mapped here"),
      guard: kind !== "coherent" && steady ? new ContentGuard(view, this.#copies) : null,
      cpuOwned: new RangeSet(),
      accesses: [],
      tested: kind === "coherent",
    };
    mapping.guard?.guard(0, lengthBytes);
    indexOf(this.#byAddress, device.domain, (m) => m.addr).add(mapping);
    indexOf(this.#byMemory, memory.buffer, (m) => m.memory.byteOffset).add(mapping);
  }

  /** The client asked whether the mapping failed. With several mappings of one address, the first untested one counts as tested. */
  tested(device: MappingDevice, addr: DmaAddr): void {
    const mapping = this.#startingAt(device, addr).find((candidate) => !candidate.tested);
    if (mapping !== undefined) mapping.tested = true;
  }

  /**
   * Before memory is unmapped. Throws when it can't be told what is to be unmapped; returns an error, or null, when it can: as in Linux,
   * the mapping goes even then.
   */
  unmap(
    device: MappingDevice,
    addr: DmaAddr,
    lengthBytes: number,
    direction: DmaDirection,
    kind: MappingKind,
    sgCount = 1,
  ): DmaCheckError | null {
    const mapping = this.#toUnmap(device, addr, lengthBytes, direction, kind, sgCount);
    const error =
      this.#wrongUnmap(mapping, lengthBytes, direction, kind, sgCount) ??
      this.#unmapInFlight(mapping) ??
      changed(mapping, 0, mapping.memory.length);
    this.#byAddress.get(device.domain)?.delete(mapping);
    this.#byMemory.get(mapping.memory.buffer)?.delete(mapping);
    mapping.guard?.end(this.#copies);
    return error;
  }

  /** Before a range is synced for the CPU. */
  syncForCpu(
    device: MappingDevice,
    addr: DmaAddr,
    lengthBytes: number,
    direction: DmaDirection,
    sgCount?: number,
  ): void {
    const mapping = this.#toSync(device, addr, lengthBytes, sgCount);
    if (mapping.direction === DmaDirection.TO_DEVICE && direction !== DmaDirection.TO_DEVICE) {
      throw misuse("sync-for-cpu-read-only", mapping, "syncs for the CPU what the device only reads");
    }
    checkSyncDirection(mapping, direction);
    const start = addr - mapping.addr;
    const end = start + lengthBytes;
    const access = mapping.accesses.find((candidate) => candidate.start < end && start < candidate.end);
    if (access !== undefined) {
      throw misuse("sync-in-flight", mapping, `syncs for the CPU while ${access.tx} is in flight`);
    }
    const error = changed(mapping, start, end);
    if (error !== null) throw error;
    mapping.guard?.release(start, end);
    mapping.cpuOwned.add(start, end);
  }

  /** Before a range is synced for the device. */
  syncForDevice(
    device: MappingDevice,
    addr: DmaAddr,
    lengthBytes: number,
    direction: DmaDirection,
    sgCount?: number,
  ): void {
    const mapping = this.#toSync(device, addr, lengthBytes, sgCount);
    if (mapping.direction === DmaDirection.FROM_DEVICE && direction !== DmaDirection.FROM_DEVICE) {
      throw misuse("sync-for-device-write-only", mapping, "syncs for the device what it only writes");
    }
    checkSyncDirection(mapping, direction);
    const start = addr - mapping.addr;
    const end = start + lengthBytes;
    mapping.cpuOwned.within(start, end, (from, to) => mapping.guard?.guard(from, to));
    mapping.cpuOwned.remove(start, end);
  }

  /** Before a transaction goes to the engine: may it touch all that it will touch? */
  submit(tx: Descriptor): void {
    const { device } = tx.channel;
    const { definition } = tx.port;
    const accesses: CheckedAccess[] = [];
    const name = `${tx.operation} on ${tx.channel.name}`;
    definition.reads(tx.args, tx.flags, (addr, lengthBytes) => {
      accesses.push(this.#access(device, addr, lengthBytes, false, name));
    });
    definition.writes(tx.args, tx.flags, (addr, lengthBytes) => {
      accesses.push(this.#access(device, addr, lengthBytes, true, name));
    });
    for (const { mapping, start, end } of accesses) {
      const error = changed(mapping, start, end);
      if (error !== null) throw error;
    }
    for (const access of accesses) {
      access.mapping.accesses.push(access);
      if (access.writes) access.mapping.guard?.release(access.start, access.end);
    }
    tx.accesses = accesses;
  }

  /** A transaction has ended and touches nothing any more. What it wrote must stay, unless another one still writes it. */
  ended(tx: Descriptor): void {
    const { accesses } = tx;
    tx.accesses = [];
    for (const access of accesses) {
      const at = access.mapping.accesses.indexOf(access);
      if (at >= 0) access.mapping.accesses.splice(at, 1);
    }
    for (const { mapping, start, end, writes } of accesses) {
      if (!writes || mapping.guard === null) continue;
      const settled = new RangeSet();
      settled.add(start, end);
      for (const other of mapping.accesses) if (other.writes) settled.remove(other.start, other.end);
      settled.within(start, end, (from, to) => mapping.guard?.guard(from, to));
    }
  }

  /** Refuses to let a device go that still has mappings. */
  unregister(device: MappingDevice): void {
    const mappings = this.#byAddress.get(device.domain)?.all() ?? [];
    const leaked = [...mappings].filter((mapping) => mapping.device === device);
    const [example] = leaked;
    if (example === undefined) return;
    throw misuse(
      "leak",
      example,
      `goes away with ${leaked.length} live mappings, for example one of ${example.memory.length} bytes ` +
        directionName(example.direction),
    );
  }

  #startingAt(device: MappingDevice, addr: DmaAddr): Mapping[] {
    const covering = this.#byAddress.get(device.domain)?.at(addr) ?? [];
    return covering.filter((mapping) => mapping.addr === addr && mapping.device === device);
  }

  /** As Linux's search: of several mappings at the address only a perfect match counts, a single one counts anyway. */
  #toUnmap(
    device: MappingDevice,
    addr: DmaAddr,
    lengthBytes: number,
    direction: DmaDirection,
    kind: MappingKind,
    sgCount: number,
  ): Mapping {
    if (addr === DMA_MAPPING_ERROR) {
      throw new DmaCheckError(
        "unmap-mapping-error",
        `${device.name}: unmaps DMA_MAPPING_ERROR: that mapping call failed, so there is nothing to unmap`,
      );
    }
    const candidates = this.#startingAt(device, addr);
    const found =
      candidates.length === 1
        ? candidates[0]
        : candidates.find(
            (mapping) => this.#wrongUnmap(mapping, lengthBytes, direction, kind, sgCount) === null,
          );
    if (found !== undefined) return found;
    throw new DmaCheckError(
      "unmap-not-mapped",
      `${device.name}: unmaps ${lengthBytes} bytes ${directionName(direction)} at 0x${addr.toString(16)}, ` +
        "which are not mapped like this for this device, or not any more",
    );
  }

  #wrongUnmap(
    mapping: Mapping,
    lengthBytes: number,
    direction: DmaDirection,
    kind: MappingKind,
    sgCount: number,
  ): DmaCheckError | null {
    if (mapping.kind !== kind) {
      return misuse("unmap-kind", mapping, `unmaps as ${kind} what was mapped as ${mapping.kind}`);
    }
    if (mapping.memory.length !== lengthBytes) {
      return misuse(
        "unmap-length",
        mapping,
        `unmaps ${lengthBytes} bytes of a mapping of ${mapping.memory.length}`,
      );
    }
    if (mapping.sgCount !== sgCount) {
      return misuse(
        "unmap-sg-count",
        mapping,
        `unmaps ${sgCount} entries of a scatterlist that was mapped with ${mapping.sgCount}`,
      );
    }
    if (mapping.direction !== direction) {
      return misuse(
        "unmap-direction",
        mapping,
        `unmaps ${directionName(direction)} what was mapped ${directionName(mapping.direction)}`,
      );
    }
    if (this.#options.requireMappingErrorTest === true && !mapping.tested) {
      return misuse(
        "mapping-error-not-tested",
        mapping,
        "unmaps an address that nobody has tested with mappingError()",
      );
    }
    return null;
  }

  /** A transaction may as well use another mapping of the same bytes for reading, if there is one. */
  #unmapInFlight(mapping: Mapping): DmaCheckError | null {
    let lost: CheckedAccess | undefined;
    for (const access of mapping.accesses.splice(0)) {
      const other = this.#byAddress
        .get(mapping.device.domain)
        ?.at(mapping.addr + access.start)
        .find((candidate) => candidate !== mapping && reach(candidate) >= mapping.addr + access.end);
      if (other === undefined) lost ??= access;
      else {
        const moved = mapping.addr - other.addr;
        access.mapping = other;
        access.start += moved;
        access.end += moved;
        other.accesses.push(access);
      }
    }
    return lost === undefined
      ? null
      : misuse("unmap-in-flight", mapping, `unmaps what ${lost.tx}, which is in flight, may still touch`);
  }

  #toSync(device: MappingDevice, addr: DmaAddr, lengthBytes: number, sgCount: number | undefined): Mapping {
    const covering = this.#byAddress.get(device.domain)?.at(addr) ?? [];
    const mapping = covering.find((candidate) => addr + lengthBytes <= reach(candidate)) ?? covering[0];
    if (mapping === undefined) {
      throw new DmaCheckError(
        "sync-not-mapped",
        `${device.name}: syncs ${lengthBytes} bytes at 0x${addr.toString(16)}, which are not mapped`,
      );
    }
    if (addr + lengthBytes > reach(mapping)) {
      throw misuse("sync-past-end", mapping, `syncs ${lengthBytes} bytes that run past the end of a mapping`);
    }
    if (sgCount !== undefined && mapping.sgCount !== sgCount) {
      throw misuse(
        "sync-sg-count",
        mapping,
        `syncs ${sgCount} entries of a scatterlist that was mapped with ${mapping.sgCount}`,
      );
    }
    return mapping;
  }

  /** What a transaction does with a range, if it may. */
  #access(
    device: MappingDevice,
    addr: DmaAddr,
    lengthBytes: number,
    writes: boolean,
    tx: string,
  ): CheckedAccess {
    const covering = this.#byAddress.get(device.domain)?.at(addr) ?? [];
    const verb = writes ? "writes" : "reads";
    const what = `${tx} ${verb} ${lengthBytes} bytes at 0x${addr.toString(16)}`;
    const [nearest] = covering;
    if (nearest === undefined) {
      throw new DmaCheckError("device-access-unmapped", `${device.name}: ${what}, which are not mapped`);
    }
    const whole = covering.filter((candidate) => addr + lengthBytes <= reach(candidate));
    if (whole.length === 0) {
      throw misuse("device-access-past-end", nearest, `${what}, beyond the end of a mapping`);
    }
    const forbidden = writes ? DmaDirection.TO_DEVICE : DmaDirection.FROM_DEVICE;
    const mapping = whole.find((candidate) => candidate.direction !== forbidden);
    if (mapping === undefined) {
      throw misuse(
        "device-access-direction",
        nearest,
        `${what}, which were mapped ${directionName(forbidden)}`,
      );
    }
    const start = addr - mapping.addr;
    const end = start + lengthBytes;
    if (mapping.cpuOwned.overlaps(start, end)) {
      throw misuse("device-access-cpu-owned", mapping, `${what}, which were synced for the CPU and not back`);
    }
    return { mapping, start, end, writes, tx };
  }
}

function checkSyncDirection(mapping: Mapping, direction: DmaDirection): void {
  if (mapping.direction === DmaDirection.BIDIRECTIONAL || mapping.direction === direction) return;
  throw misuse(
    "sync-direction",
    mapping,
    `syncs ${directionName(direction)} what was mapped ${directionName(mapping.direction)}`,
  );
}

/** The first address that is no longer the mapping's. */
function reach(mapping: Mapping): DmaAddr {
  return mapping.addr + mapping.memory.length;
}

function indexOf<Key>(
  indexes: {
    get(key: Key): IntervalIndex<Mapping> | undefined;
    set(key: Key, index: IntervalIndex<Mapping>): unknown;
  },
  key: Key,
  start: (mapping: Mapping) => number,
): IntervalIndex<Mapping> {
  let index = indexes.get(key);
  if (index === undefined) {
    index = new IntervalIndex(start, (mapping) => start(mapping) + mapping.memory.length);
    indexes.set(key, index);
  }
  return index;
}

/** Whether somebody wrote a part of the range that nobody was allowed to write. */
function changed(mapping: Mapping, start: number, end: number): DmaCheckError | null {
  const at = mapping.guard?.changedByte(start, end) ?? -1;
  if (at < 0) return null;
  return misuse(
    "cpu-write",
    mapping,
    `byte ${at} of ${mapping.memory.length} bytes mapped ${directionName(mapping.direction)} was written by the CPU while the device owned it`,
  );
}

function misuse(check: DmaCheck, mapping: Mapping, message: string): DmaCheckError {
  return new DmaCheckError(check, `${mapping.device.name}: ${message}`, mapping.origin);
}
