import type { BURST_ELEMENTS } from "./datasheet.js";
import type { DmaRequestLine } from "./hw/request-line.js";

/** AHB masters, as a mask: 1 is AHB1, 2 is AHB2, 3 is both. */
export type AhbBuses = 1 | 2 | 3;

/** A burst's length, in accesses. */
export type BurstElements = (typeof BURST_ELEMENTS)[number];

/** A peripheral's connection to the controller: `struct pl08x_channel_data`. */
export interface SlaveChannelData {
  /** Name of the connection, for example "uart0_tx". */
  readonly name: string;
  /** Which of the controller's request signals the peripheral drives. Each signal belongs to one connection. */
  readonly signal: number;
  /** The peripheral's request line, to be connected to that signal. */
  readonly requests: DmaRequestLine;
  /** The peripheral makes single requests only, so bursts are one access long. Default false. */
  readonly single?: boolean;
  /** Masters that reach the peripheral. Default: all that the controller has. */
  readonly periphBuses?: AhbBuses;
}

/** How the board is wired, and how memory is to be copied: `struct pl08x_platform_data`. Every value is there. */
export interface PlatformData {
  readonly slaveChannels: readonly (SlaveChannelData & { readonly periphBuses: AhbBuses })[];
  readonly memcpyBurst: BurstElements;
  readonly memcpyWidthBytes: 1 | 2 | 4;
  /** Masters that reach linked list items, and memory. */
  readonly lliBuses: AhbBuses;
  readonly memBuses: AhbBuses;
}
