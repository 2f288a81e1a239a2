import type { IrqLine, MmioAddr } from "@dmaengine/sim";

/** What the platform tells a driver of a device that is plugged in: the part of `struct pci_dev` that it can't do without. */
export interface PciFunction {
  /** Where the device's registers are. */
  readonly bar0: MmioAddr;
  /** The interrupt pin. */
  readonly intx: IrqLine;
  /** Message signalled interrupts. */
  readonly msix: readonly IrqLine[];
  /** Reads 32 bits of configuration space (`pci_read_config_dword`): all ones where there is nothing. */
  readConfig32(offset: number): number;
  /** Writes them (`pci_write_config_dword`). */
  writeConfig32(offset: number, value: number): void;
}
