export {
  type Crc32cArgs,
  type Crc32cLimits,
  type Crc32cOperation,
  Crc32cResult,
  type PrepCrc32c,
} from "./crc32c.js";
export { sample } from "./driver.js";
