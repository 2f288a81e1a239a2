/**
 * A dmaengine driver for the DMA, XOR and RAID-6 units of Intel's I/O processors, with simulated hardware.
 *
 * @packageDocumentation
 */

export { type Iop3xxOptions, iop3xx } from "./iop3xx.js";
export type { IopSoc } from "./variant.js";
