/**
 * A dmaengine driver for the Marvell XOR engine (`mv_xor`), with simulated hardware.
 *
 * @packageDocumentation
 */

export { type MvXorOptions, mvXor } from "./mv-xor.js";
export type { MvXorVariantName } from "./variant.js";
export type { DramBank } from "./xor-unit.js";
