/**
 * A dmaengine driver for the ARM PrimeCell PL080, PL080S and PL081 DMA controllers, with simulated hardware.
 *
 * @packageDocumentation
 */

export { FifoPeripheral, type FifoPeripheralOptions } from "./hw/fifo-peripheral.js";
export { DmaRequestLine } from "./hw/request-line.js";
export { type Pl08xOptions, pl08x } from "./pl08x.js";
export type { AhbBuses, BurstElements, SlaveChannelData } from "./platform-data.js";
export type { Pl08xVersion } from "./variant.js";
