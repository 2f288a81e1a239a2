import type { IrqLine, MmioAddr } from "@dmaengine/sim";

/** What the platform tells a driver of an XOR unit: what its node in the device tree says. */
export interface XorUnit {
  /** Where its registers are. */
  readonly low: MmioAddr;
  readonly high: MmioAddr;
  /** One for each channel. */
  readonly irqs: readonly IrqLine[];
}

/** A bank of memory: a chip select of the DRAM controller, as `struct mbus_dram_window` tells it. */
export interface DramBank {
  readonly baseAddr: number;
  readonly sizeBytes: number;
}
