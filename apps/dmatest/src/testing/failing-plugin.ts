import type { DmaDriver } from "@dmaengine/core";
import { DmaTransResult } from "@dmaengine/core";
import { faulty } from "./faulty-driver.js";

/**
 * A plugin whose transfers all fail.
 *
 * @public
 */
export default function failing(): DmaDriver {
  return faulty({ result: DmaTransResult.WRITE_FAILED });
}

/** Where it is, for whoever loads it by its path. */
export const PLUGIN_PATH = import.meta.filename;
