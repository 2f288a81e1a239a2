/**
 * A dmaengine driver for the Intel I/OAT DMA engine, with simulated hardware.
 *
 * @packageDocumentation
 */

export { type IoatOptions, ioat } from "./ioat.js";
export type { IoatVersion } from "./variant.js";
