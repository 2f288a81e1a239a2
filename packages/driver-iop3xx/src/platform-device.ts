import type { IrqLine, MmioAddr } from "@dmaengine/sim";

/** What the board tells a driver of a unit: the resources of its `struct platform_device`. */
export interface PlatformDevice {
  /** Where its registers are. */
  readonly base: MmioAddr;
  readonly endOfTransfer: IrqLine;
  readonly endOfChain: IrqLine;
  readonly error: IrqLine;
}
