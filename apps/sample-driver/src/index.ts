export type { Crc32cArgs, Crc32cLimits, Crc32cOperation, Crc32cResult, PrepCrc32c } from "./crc32c.js";
export { sample } from "./driver.js";
