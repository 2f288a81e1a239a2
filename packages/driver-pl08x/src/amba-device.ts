import type { IrqLine, MmioAddr } from "@dmaengine/sim";

/** What the platform tells a driver of a PrimeCell: the part of `struct amba_device` that it can't do without. */
export interface AmbaDevice {
  /** Where the controller's registers are. */
  readonly base: MmioAddr;
  readonly irq: IrqLine;
}
