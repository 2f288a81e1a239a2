import type { AddressWindow, DmaAddr } from "@dmaengine/core/driver";
import { copyBlock, fillBlock, type PhysicalMemory, SumUnit } from "@dmaengine/sim";
import {
  DESC_P_ENABLE,
  DESC_Q_ENABLE,
  DESC_SOURCES,
  DESCRIPTOR_BYTES,
  INT_ERR_MBUS,
  INT_ERR_PAR,
  MAX_BYTE_COUNT,
  MAX_SOURCES,
  MIN_BYTE_COUNT,
  MODE_IN_DESC,
  MODE_MEMCPY,
  MODE_XOR,
  OP_MEMCPY,
  OP_PQ,
  OP_XOR,
  PQ_SLOT_COEFS,
  WORD_DST,
  WORD_Q,
} from "../datasheet.js";
import type { AddressDecoder } from "./address-decoder.js";
import type { FetchedDescriptor } from "./descriptor.js";

/** Status and, with it, the CRC. */
const STATUS_BYTES = 8;

/** What a channel can do with memory. Each operation returns 0, or a cause bit, and then nothing was written. */
export class Operations {
  readonly #channel: number;
  readonly #memory: PhysicalMemory;
  readonly #decoder: AddressDecoder;
  readonly #sums = new SumUnit();
  readonly #pattern = new Uint8Array(8);
  readonly #patternView = new DataView(this.#pattern.buffer);
  #error = 0;
  /** The address that the last error is about. */
  errorAddr: DmaAddr = 0;

  constructor(channel: number, memory: PhysicalMemory, decoder: AddressDecoder) {
    this.#channel = channel;
    this.#memory = memory;
    this.#decoder = decoder;
  }

  /** Fetches the descriptor at `addr` into `descriptor`. Assumed: a chain that is not aligned is refused. */
  fetch(descriptor: FetchedDescriptor, addr: DmaAddr, swapped: boolean): number {
    if (addr % DESCRIPTOR_BYTES !== 0) return this.#refuse(addr);
    if (this.#reach(addr, DESCRIPTOR_BYTES, "read") === null) return this.#error;
    descriptor.fetch(this.#memory, addr, swapped);
    return 0;
  }

  /** Tells the driver through its descriptor that it is done. */
  writeBack(descriptor: FetchedDescriptor, success: boolean): number {
    if (this.#reach(descriptor.addr, STATUS_BYTES, "write") === null) return this.#error;
    descriptor.writeBack(this.#memory, success);
    return 0;
  }

  /** How many sources a descriptor has. */
  sources(mode: number, descriptor: FetchedDescriptor): number {
    return operationOf(mode, descriptor) === OP_MEMCPY ? 1 : popCount(descriptor.command & DESC_SOURCES);
  }

  /** Does what a descriptor says. */
  execute(mode: number, descriptor: FetchedDescriptor): number {
    const { byteCount, command, addr } = descriptor;
    if (byteCount < MIN_BYTE_COUNT || byteCount > MAX_BYTE_COUNT) return this.#refuse(addr);
    if (this.sources(mode, descriptor) === 0) return this.#refuse(addr);
    switch (operationOf(mode, descriptor)) {
      case OP_MEMCPY:
        return this.#copy(descriptor, 0);
      case OP_XOR:
        return this.#xor(descriptor);
      case OP_PQ:
        return (command & (DESC_P_ENABLE | DESC_Q_ENABLE)) === 0 ? this.#refuse(addr) : this.#pq(descriptor);
      default:
        return this.#refuse(addr);
    }
  }

  /** MEMINIT: the two words again and again. */
  fill(dstAddr: DmaAddr, low: number, high: number, lengthBytes: number): number {
    if (lengthBytes < MIN_BYTE_COUNT) return this.#refuse(dstAddr);
    const dst = this.#reach(dstAddr, lengthBytes, "write");
    if (dst === null) return this.#error;
    this.#patternView.setUint32(0, low, true);
    this.#patternView.setUint32(4, high, true);
    fillBlock(dst, dstAddr, this.#pattern, lengthBytes);
    return 0;
  }

  /** Nothing answers at an address, although it could. */
  fail(addr: DmaAddr): number {
    this.errorAddr = addr;
    return INT_ERR_MBUS;
  }

  /** A descriptor that makes no sense. Assumed: there is no cause bit for it, and this one comes closest. */
  #refuse(addr: DmaAddr): number {
    this.errorAddr = addr;
    return INT_ERR_PAR;
  }

  #copy(descriptor: FetchedDescriptor, source: number): number {
    const { byteCount } = descriptor;
    const srcAddr = descriptor.source(source);
    const dstAddr = descriptor.word(WORD_DST);
    const src = this.#reach(srcAddr, byteCount, "read");
    const dst = src === null ? null : this.#reach(dstAddr, byteCount, "write");
    if (src === null || dst === null) return this.#error;
    copyBlock(src, srcAddr, dst, dstAddr, byteCount);
    return 0;
  }

  #xor(descriptor: FetchedDescriptor): number {
    const sources = descriptor.command & DESC_SOURCES;
    // Of one source: how Linux copies.
    if ((sources & (sources - 1)) === 0) return this.#copy(descriptor, 31 - Math.clz32(sources));
    if (!this.#openSources(descriptor) || !this.#openP(descriptor)) return this.#error;
    this.#sums.store(descriptor.byteCount);
    return 0;
  }

  #pq(descriptor: FetchedDescriptor): number {
    const { command } = descriptor;
    if (!this.#openSources(descriptor)) return this.#error;
    if ((command & DESC_P_ENABLE) !== 0 && !this.#openP(descriptor)) return this.#error;
    if ((command & DESC_Q_ENABLE) !== 0 && !this.#openQ(descriptor)) return this.#error;
    this.#sums.store(descriptor.byteCount);
    return 0;
  }

  #openSources(descriptor: FetchedDescriptor): boolean {
    const { command, byteCount } = descriptor;
    this.#sums.clear();
    for (let i = 0; i < MAX_SOURCES; i++) {
      if (((command >>> i) & 1) === 0) continue;
      const addr = descriptor.source(i);
      const window = this.#reach(addr, byteCount, "read");
      if (window === null) return false;
      this.#sums.addSource(window, addr, PQ_SLOT_COEFS[i]);
    }
    return true;
  }

  #openP(descriptor: FetchedDescriptor): boolean {
    const addr = descriptor.word(WORD_DST);
    const window = this.#reach(addr, descriptor.byteCount, "write");
    if (window !== null) this.#sums.setP(window, addr);
    return window !== null;
  }

  #openQ(descriptor: FetchedDescriptor): boolean {
    const addr = descriptor.word(WORD_Q);
    const window = this.#reach(addr, descriptor.byteCount, "write");
    if (window !== null) this.#sums.setQ(window, addr);
    return window !== null;
  }

  /** Goes through the windows to memory. Null: the error is noted. */
  #reach(addr: DmaAddr, lengthBytes: number, access: "read" | "write"): AddressWindow | null {
    this.#error = this.#decoder.check(this.#channel, addr, lengthBytes, access === "write");
    if (this.#error !== 0) {
      this.errorAddr = this.#decoder.faultAddr;
      return null;
    }
    const window = this.#memory.locate(addr, lengthBytes, access);
    if (window === null) this.#error = this.fail(addr);
    return window;
  }
}

/** What is to be done with a descriptor; -1: the channel's mode is for none. */
function operationOf(mode: number, descriptor: FetchedDescriptor): number {
  if (mode === MODE_IN_DESC) return descriptor.op;
  if (mode === MODE_XOR) return OP_XOR;
  return mode === MODE_MEMCPY ? OP_MEMCPY : -1;
}

function popCount(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}
