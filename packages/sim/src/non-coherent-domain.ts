import {
  AddressSpace,
  type AddressWindow,
  type CoherentMemory,
  DMA_MAPPING_ERROR,
  type DmaAddr,
  DmaDirection,
} from "@dmaengine/core/driver";
import { CachedBuffer } from "./cached-buffer.js";
import type { CostMeter } from "./costs.js";
import {
  allocCoherent,
  type CacheCare,
  captureBytes,
  type DeviceAccess,
  notMapped,
  type SimDomain,
} from "./domain.js";
import type { SeededRandom } from "./random.js";

/**
 * How the CPU and its caches behave where devices don't see them:
 *
 * - `"v5"`: XScale, XSC3, Feroceon. The cache holds what the CPU asked for, and writes back when it likes.
 * - `"v7"`: ARMv6 and ARMv7. It also loads lines that nobody asked for.
 */
export type NonCoherence = "v5" | "v7";

/** Every buffer is held three times, so there is less room than on a coherent machine: 1 GiB each. */
const MAX_BUFFER_BYTES = 2 ** 30;
/** How much memory without a mapping keeps its DRAM, for devices that have gone astray and so that mapping it again is cheap. */
const MAX_IDLE_BYTES = 16 * 1024 * 1024;
/** The ranges that the caches are busy with. */
const HOT_RANGES = 16;
/** A prefetcher loads up to this many neighbours in a row. */
const MAX_PREFETCH_LINES = 8;

/** A part of a buffer, in lines. */
interface HotRange {
  buffer: CachedBuffer | null;
  firstLine: number;
  lines: number;
}

/**
 * The domain of a machine whose devices do not see the CPU's caches, after arch/arm/mm/dma-mapping.c and the cache functions of the
 * processors. Map and sync for the device clean (TO_DEVICE), invalidate (FROM_DEVICE) or, for BIDIRECTIONAL, flush on v5 and clean on v7.
 * Unmap and sync for the CPU do nothing on v5; on v7 they invalidate unless the direction is TO_DEVICE.
 *
 * From then on the CPU is taken to look: lines that are not cached are read from DRAM. Between calls, and whenever a device reaches for
 * memory, the caches write lines back and drop them, and on v7 they load some, where and how many is up to `random`.
 *
 * Memory without a mapping stays in its place: a device that still works on it does not fault, but works on bytes that the CPU has too.
 */
export class NonCoherentDomain implements SimDomain {
  readonly name: string;
  readonly coherent = false;
  readonly bouncedBytes = 0;
  readonly #behaviour: NonCoherence;
  readonly #lineBytes: number;
  readonly #random: SeededRandom;
  readonly #meter: CostMeter;
  /** Where DRAM is. */
  readonly #space = new AddressSpace();
  readonly #byClient = new WeakMap<ArrayBufferLike, CachedBuffer>();
  readonly #byDram = new Map<ArrayBufferLike, CachedBuffer>();
  /** Memory without a cache before it. */
  readonly #uncached = new Map<ArrayBufferLike, Uint8Array>();
  #idleBytes = 0;
  readonly #hot: HotRange[] = Array.from({ length: HOT_RANGES }, () => ({
    buffer: null,
    firstLine: 0,
    lines: 0,
  }));
  #nextHot = 0;
  readonly cacheCare: CacheCare = { cleanedLines: 0, invalidatedLines: 0 };

  constructor(
    name: string,
    behaviour: NonCoherence,
    lineBytes: number,
    random: SeededRandom,
    meter: CostMeter,
  ) {
    this.name = name;
    this.#behaviour = behaviour;
    this.#lineBytes = lineBytes;
    this.#random = random;
    this.#meter = meter;
  }

  map(memory: Uint8Array, offsetBytes: number, lengthBytes: number, direction: DmaDirection): DmaAddr {
    if (memory.buffer.byteLength > MAX_BUFFER_BYTES) return DMA_MAPPING_ERROR;
    const buffer = this.#byClient.get(memory.buffer) ?? this.#enter(memory.buffer);
    if (buffer.mappings === 0) this.#idleBytes -= buffer.window.sizeBytes;
    buffer.mappings += 1;
    const at = memory.byteOffset + offsetBytes;
    this.#forDevice(buffer, at, lengthBytes, direction);
    return buffer.window.base + at;
  }

  unmap(addr: DmaAddr, lengthBytes: number, direction: DmaDirection): void {
    const buffer = this.#bufferAt(addr);
    this.#forCpu(buffer, addr - buffer.window.base, lengthBytes, direction);
    buffer.mappings -= 1;
    if (buffer.mappings > 0) return;
    this.#idleBytes += buffer.window.sizeBytes;
    if (this.#idleBytes > MAX_IDLE_BYTES) this.#dropIdle();
  }

  syncForCpu(addr: DmaAddr, lengthBytes: number, direction: DmaDirection): void {
    const buffer = this.#bufferAt(addr);
    this.#forCpu(buffer, addr - buffer.window.base, lengthBytes, direction);
  }

  syncForDevice(addr: DmaAddr, lengthBytes: number, direction: DmaDirection): void {
    const buffer = this.#bufferAt(addr);
    this.#forDevice(buffer, addr - buffer.window.base, lengthBytes, direction);
  }

  allocCoherent(sizeBytes: number, alignBytes: number): CoherentMemory {
    return allocCoherent(this, sizeBytes, alignBytes);
  }

  freeCoherent(memory: CoherentMemory): void {
    this.displace(memory.dmaAddr);
  }

  find(addr: DmaAddr, lengthBytes: number, _access: DeviceAccess): AddressWindow | null {
    const window = this.#space.find(addr, lengthBytes);
    if (window === null) return null;
    const buffer = this.#byDram.get(window.bytes.buffer);
    if (buffer === undefined) return window;
    if (!buffer.isThere) return null;
    this.#heat(buffer, addr - window.base, lengthBytes);
    this.#stir();
    return window;
  }

  place(memory: Uint8Array<ArrayBuffer>): DmaAddr {
    this.#uncached.set(memory.buffer, new Uint8Array(memory.buffer));
    return this.#space.map(memory, 0);
  }

  displace(addr: DmaAddr): void {
    this.#uncached.delete(this.#space.locate(addr, 1).bytes.buffer);
    this.#space.unmap(addr);
  }

  capture(): () => void {
    const buffers = [...this.#byDram.values()].filter((buffer) => buffer.isThere);
    const restores = [
      ...buffers.map((buffer) => buffer.capture()),
      ...[...this.#uncached.values()].map(captureBytes),
    ];
    const randomState = this.#random.state;
    const hot = this.#hot.map((range) => ({ ...range }));
    const nextHot = this.#nextHot;
    const cacheCare = { ...this.cacheCare };
    return () => {
      Object.assign(this.cacheCare, cacheCare);
      for (const restore of restores) restore();
      this.#random.state = randomState;
      hot.forEach((range, i) => {
        Object.assign(this.#hot[i] as HotRange, range);
      });
      this.#nextHot = nextHot;
    };
  }

  /** The column "map" of the kernel's table: the device is going to read or write. */
  #forDevice(buffer: CachedBuffer, at: number, lengthBytes: number, direction: DmaDirection): void {
    this.#heat(buffer, at, lengthBytes);
    this.#stir();
    const lines = this.#countLines(at, lengthBytes);
    this.#meter.charge("cacheLine", lines);
    if (direction === DmaDirection.FROM_DEVICE) {
      this.cacheCare.invalidatedLines += lines;
      this.#invalidate(buffer, at, lengthBytes);
    } else {
      const flush = direction === DmaDirection.BIDIRECTIONAL && this.#behaviour === "v5";
      this.cacheCare.cleanedLines += lines;
      if (flush) this.cacheCare.invalidatedLines += lines;
      const last = this.#lastLine(at, lengthBytes);
      for (let line = this.#firstLine(at); line <= last; line++) {
        if (flush) buffer.flush(line);
        else buffer.clean(line);
      }
    }
    this.#stir();
  }

  /** The column "unmap": the device has read or written. */
  #forCpu(buffer: CachedBuffer, at: number, lengthBytes: number, direction: DmaDirection): void {
    this.#heat(buffer, at, lengthBytes);
    this.#stir();
    if (this.#behaviour === "v7" && direction !== DmaDirection.TO_DEVICE) {
      const lines = this.#countLines(at, lengthBytes);
      this.#meter.charge("cacheLine", lines);
      this.cacheCare.invalidatedLines += lines;
      this.#invalidate(buffer, at, lengthBytes);
    }
    const last = this.#lastLine(at, lengthBytes);
    for (let line = this.#firstLine(at); line <= last; line++) buffer.load(line);
  }

  /**
   * Lines that the range shares with other memory are written back first, for that memory's sake (cache-v7.S, proc-xscale.S, proc-feroceon.S). A
   * buffer's own end shares nothing.
   */
  #invalidate(buffer: CachedBuffer, at: number, lengthBytes: number): void {
    const end = at + lengthBytes;
    const first = this.#firstLine(at);
    const last = this.#lastLine(at, lengthBytes);
    for (let line = first; line <= last; line++) {
      const shared =
        (line === first && at % this.#lineBytes !== 0) ||
        (line === last && end % this.#lineBytes !== 0 && end !== buffer.window.sizeBytes);
      if (shared) buffer.flush(line);
      else buffer.invalidate(line);
    }
  }

  #countLines(at: number, lengthBytes: number): number {
    return this.#lastLine(at, lengthBytes) - this.#firstLine(at) + 1;
  }

  /** What the caches do of their own accord: nothing, or up to three things. */
  #stir(): void {
    for (let n = this.#random.below(4); n > 0; n--) {
      const { buffer, firstLine, lines } = this.#hot[this.#random.below(HOT_RANGES)] as HotRange;
      if (buffer === null || !buffer.isThere) continue;
      const line = firstLine + this.#random.below(lines);
      if (this.#behaviour === "v5" || this.#random.below(2) === 0) {
        buffer.flush(line);
        continue;
      }
      const end = Math.min(line + 1 + this.#random.below(MAX_PREFETCH_LINES), firstLine + lines);
      for (let next = line; next < end; next++) buffer.load(next);
    }
  }

  #heat(buffer: CachedBuffer, at: number, lengthBytes: number): void {
    const range = this.#hot[this.#nextHot] as HotRange;
    this.#nextHot = (this.#nextHot + 1) % HOT_RANGES;
    range.buffer = buffer;
    range.firstLine = this.#firstLine(at);
    range.lines = this.#lastLine(at, lengthBytes) - range.firstLine + 1;
  }

  #firstLine(at: number): number {
    return Math.floor(at / this.#lineBytes);
  }

  #lastLine(at: number, lengthBytes: number): number {
    return Math.floor((at + lengthBytes - 1) / this.#lineBytes);
  }

  #bufferAt(addr: DmaAddr): CachedBuffer {
    const window = this.#space.find(addr, 1);
    const buffer = window === null ? undefined : this.#byDram.get(window.bytes.buffer);
    if (buffer === undefined || buffer.mappings === 0) throw notMapped(this.name, addr);
    return buffer;
  }

  #enter(client: ArrayBufferLike): CachedBuffer {
    const dram = new Uint8Array(client.byteLength);
    const window = this.#space.locate(this.#space.map(dram, 0), client.byteLength);
    const buffer = new CachedBuffer(new Uint8Array(client), window, this.#lineBytes);
    this.#byClient.set(client, buffer);
    this.#byDram.set(dram.buffer, buffer);
    this.#idleBytes += window.sizeBytes;
    return buffer;
  }

  /** Forgets what has no mapping. To the CPU that is no change: its buffers hold what it sees. */
  #dropIdle(): void {
    for (const [dram, buffer] of this.#byDram) {
      if (buffer.mappings > 0) continue;
      this.#byDram.delete(dram);
      this.#space.unmap(buffer.window.base);
      this.#byClient.delete(buffer.client);
    }
    for (const range of this.#hot) {
      if (range.buffer?.mappings === 0) range.buffer = null;
    }
    this.#idleBytes = 0;
  }
}
