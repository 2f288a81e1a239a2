import type { DmaAddr } from "@dmaengine/core/driver";
import type { MmioRegister } from "@dmaengine/sim";
import {
  INT_ERR_DECODE,
  INT_ERR_RDPROT,
  INT_ERR_WRPROT,
  MAX_CHANNELS,
  REMAP_WINDOW_COUNT,
  WINDOW_ACCESS,
  WINDOW_ACCESS_FULL,
  WINDOW_ACCESS_NONE,
  WINDOW_ACCESS_READ,
  WINDOW_ACCESS_SHIFT,
  WINDOW_BAR_ENABLE,
  WINDOW_BASE,
  WINDOW_COUNT,
  WINDOW_OVERRIDE_CTRL,
  WINDOW_REMAP_HIGH,
  WINDOW_SIZE,
  WINDOW_UNIT_BYTES,
} from "../datasheet.js";

const UNIT_MASK = ~(WINDOW_UNIT_BYTES - 1);

/** The address decoder of a unit: eight windows, through which its channels reach memory, each as far as it is allowed to. */
export class AddressDecoder {
  readonly registers: readonly MmioRegister[];
  readonly #bases = new Uint32Array(WINDOW_COUNT);
  readonly #sizes = new Uint32Array(WINDOW_COUNT);
  readonly #remaps = new Uint32Array(REMAP_WINDOW_COUNT);
  readonly #enables = new Uint32Array(MAX_CHANNELS);
  readonly #overrides = new Uint32Array(MAX_CHANNELS);
  /** The address that the last answer other than 0 is about. */
  faultAddr: DmaAddr = 0;

  constructor() {
    this.registers = [
      ...bank("WINDOW_BAR_ENABLE", WINDOW_BAR_ENABLE, this.#enables),
      ...bank("WINDOW_BASE", WINDOW_BASE, this.#bases),
      ...bank("WINDOW_SIZE", WINDOW_SIZE, this.#sizes),
      ...bank("WINDOW_REMAP_HIGH", WINDOW_REMAP_HIGH, this.#remaps),
      ...bank("WINDOW_OVERRIDE_CTRL", WINDOW_OVERRIDE_CTRL, this.#overrides),
    ];
  }

  /** Whether channel `c` may access all of a range. Returns 0, or a cause bit. */
  check(c: number, addr: DmaAddr, lengthBytes: number, isWrite: boolean): number {
    for (let at = addr; at < addr + lengthBytes; ) {
      const w = this.#windowAt(c, at);
      const access = w < 0 ? WINDOW_ACCESS_NONE : this.#access(c, w);
      if (access === WINDOW_ACCESS_FULL || (access === WINDOW_ACCESS_READ && !isWrite)) {
        at = this.#end(w);
        continue;
      }
      this.faultAddr = at;
      if (w < 0) return INT_ERR_DECODE;
      return isWrite ? INT_ERR_WRPROT : INT_ERR_RDPROT;
    }
    return 0;
  }

  /** Notes the registers, and returns what puts them back. */
  capture(): () => void {
    const banks = [this.#bases, this.#sizes, this.#remaps, this.#enables, this.#overrides].map(
      (values) => [values, values.slice()] as const,
    );
    return () => {
      for (const [values, before] of banks) values.set(before);
    };
  }

  /** The first enabled window with this address, or -1. */
  #windowAt(c: number, addr: DmaAddr): number {
    const enable = this.#enables[c] as number;
    for (let w = 0; w < WINDOW_COUNT; w++) {
      if (((enable >>> w) & 1) !== 0 && addr >= this.#base(w) && addr < this.#end(w)) return w;
    }
    return -1;
  }

  #access(c: number, w: number): number {
    return ((this.#enables[c] as number) >>> (WINDOW_ACCESS_SHIFT + 2 * w)) & WINDOW_ACCESS;
  }

  #base(w: number): DmaAddr {
    return ((this.#bases[w] as number) & UNIT_MASK) >>> 0;
  }

  #end(w: number): DmaAddr {
    return this.#base(w) + (((this.#sizes[w] as number) & UNIT_MASK) >>> 0) + WINDOW_UNIT_BYTES;
  }
}

/** Registers that hold what was written. */
function bank(name: string, offsetOf: (n: number) => number, values: Uint32Array): MmioRegister[] {
  return Array.from(values, (_, n) => ({
    name: `${name}(${n})`,
    offset: offsetOf(n),
    widthBytes: 4,
    read: () => values[n] as number,
    write: (value) => {
      values[n] = value;
    },
  }));
}
