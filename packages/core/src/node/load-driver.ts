import { createRequire } from "node:module";
import { isAbsolute, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { DmaDriver } from "../driver-contract.js";
import { DmaError } from "../errors.js";

/** What a module exports, by name. */
type Exports = Readonly<Record<string, unknown>>;

/** Imports as the caller does: `(specifier) => import(specifier)`, written where the program's own dependencies are found. */
export type ImportModule = (specifier: string) => Promise<Exports>;

/**
 * Loads a driver plugin and calls its factory without arguments.
 *
 * The factory is the module's default export; without one the function that is called what the package's name ends with behind "driver-";
 * without that, too, the only function that it exports.
 *
 * @param name - a file (absolute, or beginning with "." and relative to the current folder), or the name of a package that the program
 * depends on or that is installed in the current folder; a single word like "ioat" means `@dmaengine/driver-ioat`
 * @param importModule - imports what the program depends on
 * @throws DmaError `ERR_DMA_PLUGIN` when there is no such module, when it can't be loaded, or when it makes no driver
 */
export async function loadDriver(name: string, importModule: ImportModule): Promise<DmaDriver> {
  const specifier = /^[a-z0-9]+$/.test(name) ? `@dmaengine/driver-${name}` : name;
  const exports = await importPlugin(specifier, importModule);
  const driver: unknown = await factoryIn(exports, specifier)();
  if (isDriver(driver)) return driver;
  throw new DmaError("ERR_DMA_PLUGIN", `"${name}" is not a driver plugin: its factory did not make a driver`);
}

function factoryIn(exports: Exports, specifier: string): () => unknown {
  const functions = Object.values(exports).filter((value) => typeof value === "function");
  const ownName = /driver-(\w+)$/.exec(specifier)?.[1] ?? "";
  const factory =
    exports["default"] ?? exports[ownName] ?? (functions.length === 1 ? functions[0] : undefined);
  if (typeof factory === "function") return factory as () => unknown;
  throw new DmaError(
    "ERR_DMA_PLUGIN",
    `"${specifier}" is not a driver plugin: expected a default export, or one exported function, that makes a driver; ` +
      `it exports ${Object.keys(exports).join(", ") || "nothing"}`,
  );
}

function isDriver(value: unknown): value is DmaDriver {
  return typeof value === "object" && value !== null && "contract" in value && "probe" in value;
}

async function importPlugin(specifier: string, importModule: ImportModule): Promise<Exports> {
  const isFile = isAbsolute(specifier) || specifier.startsWith(".");
  try {
    if (isFile) return await importModule(pathToFileURL(resolve(specifier)).href);
    return await importModule(specifier).catch((error: unknown) =>
      importModule(inCurrentFolder(specifier, error)),
    );
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const help = isFile ? "" : `. If it is not installed: npm install ${specifier}`;
    throw new DmaError("ERR_DMA_PLUGIN", `the driver "${specifier}" can't be loaded: ${reason}${help}`, {
      cause,
    });
  }
}

/** @throws `cause`, if there is no such package in the current folder either */
function inCurrentFolder(specifier: string, cause: unknown): string {
  try {
    return pathToFileURL(createRequire(join(process.cwd(), "here.js")).resolve(specifier)).href;
  } catch {
    throw cause;
  }
}
