import type { DmaAddr } from "@dmaengine/core/driver";
import { type MmioBus, type PhysicalMemory, SimError } from "@dmaengine/sim";
import { MAX_BURST_ELEMENTS, MAX_WIDTH_BYTES } from "../datasheet.js";

/** The data of one burst, on its way through the controller. */
export class Burst {
  readonly words = new Uint32Array((MAX_BURST_ELEMENTS * MAX_WIDTH_BYTES) / 4);
  readonly bytes = new Uint8Array(this.words.buffer);
}

/** The bus that the controller's masters are on: memory, and the registers of peripherals. */
export class Ahb {
  readonly #bus: MmioBus;
  readonly #memory: PhysicalMemory;

  constructor(bus: MmioBus, memory: PhysicalMemory) {
    this.#bus = bus;
    this.#memory = memory;
  }

  /**
   * Reads `count` times `widthBytes` into the burst: from one address, or from one after the other. False is an error response, and nothing was read;
   * an address that is not a multiple of the width is one, too (assumed).
   */
  read(addr: DmaAddr, widthBytes: number, count: number, increments: boolean, burst: Burst): boolean {
    if (count === 0) return true;
    if (addr % widthBytes !== 0) return false;
    const window = this.#memory.locate(addr, increments ? count * widthBytes : widthBytes, "read");
    if (window === null) return this.#readRegister(addr, widthBytes, count, increments, burst);
    const at = (addr - window.base) >>> 0;
    const lengthBytes = count * widthBytes;
    if (!increments) {
      for (let i = 0; i < lengthBytes; i++) burst.bytes[i] = window.bytes[at + (i % widthBytes)] as number;
    } else if (((at | lengthBytes) & 3) === 0) {
      moveWords(window.words, at >>> 2, burst.words, 0, lengthBytes >>> 2);
    } else moveBytes(window.bytes, at, burst.bytes, 0, lengthBytes);
    return true;
  }

  /** Writes the burst: `count` times `widthBytes`. False is an error response, and nothing was written. */
  write(addr: DmaAddr, widthBytes: number, count: number, increments: boolean, burst: Burst): boolean {
    if (count === 0) return true;
    if (addr % widthBytes !== 0) return false;
    const window = this.#memory.locate(addr, increments ? count * widthBytes : widthBytes, "write");
    if (window === null) return this.#writeRegister(addr, widthBytes, count, increments, burst);
    const at = (addr - window.base) >>> 0;
    const lengthBytes = count * widthBytes;
    if (!increments) {
      for (let i = 0; i < lengthBytes; i++) window.bytes[at + (i % widthBytes)] = burst.bytes[i] as number;
    } else if (((at | lengthBytes) & 3) === 0) {
      moveWords(burst.words, 0, window.words, at >>> 2, lengthBytes >>> 2);
    } else moveBytes(burst.bytes, 0, window.bytes, at, lengthBytes);
    return true;
  }

  /** Fetches 32-bit words of a linked list item. False is an error response. */
  fetch(addr: DmaAddr, into: Uint32Array): boolean {
    return this.#memory.readBlock(addr, into);
  }

  #readRegister(
    addr: DmaAddr,
    widthBytes: number,
    count: number,
    increments: boolean,
    burst: Burst,
  ): boolean {
    const bus = this.#bus;
    return answers(() => {
      for (let i = 0; i < count; i++) {
        const register = increments ? addr + i * widthBytes : addr;
        let value: number;
        if (widthBytes === 1) value = bus.read8(register);
        else value = widthBytes === 2 ? bus.read16(register) : bus.read32(register);
        for (let n = 0; n < widthBytes; n++) burst.bytes[i * widthBytes + n] = value >>> (8 * n);
      }
    });
  }

  #writeRegister(
    addr: DmaAddr,
    widthBytes: number,
    count: number,
    increments: boolean,
    burst: Burst,
  ): boolean {
    const bus = this.#bus;
    return answers(() => {
      for (let i = 0; i < count; i++) {
        const register = increments ? addr + i * widthBytes : addr;
        let value = 0;
        for (let n = 0; n < widthBytes; n++) value |= (burst.bytes[i * widthBytes + n] as number) << (8 * n);
        value >>>= 0;
        if (widthBytes === 1) bus.write8(register, value);
        else if (widthBytes === 2) bus.write16(register, value);
        else bus.write32(register, value);
      }
    });
  }
}

// These make no views, which would be garbage of every burst. Two of them, because a loop over both kinds of array is several times slower.

function moveWords(from: Uint32Array, fromAt: number, to: Uint32Array, toAt: number, count: number): void {
  for (let i = 0; i < count; i++) to[toAt + i] = from[fromAt + i] as number;
}

function moveBytes(from: Uint8Array, fromAt: number, to: Uint8Array, toAt: number, count: number): void {
  for (let i = 0; i < count; i++) to[toAt + i] = from[fromAt + i] as number;
}

/** Whether a register answers. What is a mistake of a driver is an error response to a master. */
function answers(access: () => void): boolean {
  try {
    access();
    return true;
  } catch (error) {
    if (SimError.isInstance(error) && error.code === "ERR_SIM_MMIO") return false;
    throw error;
  }
}
