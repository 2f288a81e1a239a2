import { type DmaDriver, DmaEngine, DmaError } from "@dmaengine/core";
import { loadDriver } from "@dmaengine/core/node";
import { CommandError } from "../errors.js";

/** The name that stands for no engine at all: the array's own code makes parity. */
const NO_ENGINE = "none";

/** The engine instance that a command works with, and the drivers in it. */
export interface Engines {
  /** null if no driver was asked for. */
  readonly engine: DmaEngine | null;
  /** Lets the drivers go. Nothing may use the engine any more. */
  close(): Promise<void>;
}

/**
 * Loads the plugins that `--engine` names, separated by commas, and registers them in that order.
 *
 * @throws CommandError `ERR_MDRAID_ENGINE`
 */
export async function openEngines(names: string): Promise<Engines> {
  if (names === NO_ENGINE) return { engine: null, close: async () => {} };
  const engine = new DmaEngine();
  const drivers: DmaDriver[] = [];
  const close = async (): Promise<void> => {
    for (const driver of drivers.toReversed()) await engine.unregister(driver);
  };
  try {
    for (const name of names.split(",")) {
      const driver = await loadDriver(name.trim(), (specifier) => import(specifier));
      await engine.register(driver);
      drivers.push(driver);
    }
    return { engine, close };
  } catch (error) {
    await close();
    if (!DmaError.isInstance(error)) throw error;
    throw new CommandError("ERR_MDRAID_ENGINE", error.message, { cause: error });
  }
}
