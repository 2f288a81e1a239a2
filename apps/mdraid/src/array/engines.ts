import { createRequire } from "node:module";
import { isAbsolute, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type DmaDriver, DmaEngine, DmaError } from "@dmaengine/core";
import { CommandError } from "../errors.js";

/** The engines that come along, by the short names that `--engine` knows. */
const SHORT_NAMES: Readonly<Record<string, string>> = {
  cpu: "@dmaengine/driver-cpu",
  ioat: "@dmaengine/driver-ioat",
};

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
      const driver = await loadDriver(name.trim());
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

/**
 * Imports a plugin and calls its factory: the default export; without one the function that is called what the package's name ends with
 * behind "driver-"; without that, too, the only function that it exports.
 */
async function loadDriver(name: string): Promise<DmaDriver> {
  const specifier = SHORT_NAMES[name] ?? name;
  const exports = await importPlugin(specifier);
  const functions = Object.values(exports).filter((value) => typeof value === "function");
  const ownName = /driver-(\w+)$/.exec(specifier)?.[1] ?? "";
  const factory =
    exports["default"] ?? exports[ownName] ?? (functions.length === 1 ? functions[0] : undefined);
  if (typeof factory !== "function") {
    throw new CommandError(
      "ERR_MDRAID_ENGINE",
      `"${name}" is not an engine plugin: expected a default export, or one exported function, that makes a driver; ` +
        `it exports ${Object.keys(exports).join(", ") || "nothing"}`,
    );
  }
  const driver: unknown = await factory();
  if (isDriver(driver)) return driver;
  throw new CommandError(
    "ERR_MDRAID_ENGINE",
    `"${name}" is not an engine plugin: its factory did not make a driver`,
  );
}

function isDriver(value: unknown): value is DmaDriver {
  return typeof value === "object" && value !== null && "contract" in value && "probe" in value;
}

/** Imports a file, or a package that is installed beside this program or in the current folder. */
async function importPlugin(specifier: string): Promise<Readonly<Record<string, unknown>>> {
  const isFile = isAbsolute(specifier) || specifier.startsWith(".");
  try {
    if (isFile) return await import(pathToFileURL(resolve(specifier)).href);
    return await import(specifier).catch((error: unknown) => import(resolveFromHere(specifier, error)));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const help = isFile ? "" : `. If it is not installed: npm install ${specifier}`;
    throw new CommandError(
      "ERR_MDRAID_ENGINE",
      `the engine plugin "${specifier}" can't be loaded: ${reason}${help}`,
      {
        cause: error,
      },
    );
  }
}

/** @throws `cause`, if there is no such package in the current folder either */
function resolveFromHere(specifier: string, cause: unknown): string {
  try {
    return pathToFileURL(createRequire(join(process.cwd(), "here.js")).resolve(specifier)).href;
  } catch {
    throw cause;
  }
}
