import type { DmaDriver } from "@dmaengine/core";
import { DmaTransResult } from "@dmaengine/core";
import { faulty } from "./faulty-driver.js";

/** A plugin whose transfers all fail. */
export default function failing(): DmaDriver {
  return faulty({ result: DmaTransResult.WRITE_FAILED });
}
