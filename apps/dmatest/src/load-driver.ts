import { createRequire } from "node:module";
import { isAbsolute, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { DmaDriver } from "@dmaengine/core";
import { DmatestError } from "./errors.js";

/** The drivers that come along, by their short names. */
const BUNDLED: Readonly<Record<string, () => Promise<DmaDriver>>> = {
  cpu: async () => (await import("@dmaengine/driver-cpu")).cpu(),
  ioat: async () => (await import("@dmaengine/driver-ioat")).ioat(),
};

/**
 * Makes a driver: one that comes along, by its short name, or that of a plugin, by package name or path. A plugin's factory is its
 * default export; or the function that is called what the package's name ends with behind "driver-"; or the only function that it
 * exports.
 *
 * @throws DmatestError `ERR_DMATEST_DRIVER`
 */
export async function loadDriver(name: string): Promise<DmaDriver> {
  const bundled = BUNDLED[name];
  if (bundled !== undefined) return bundled();
  const exports = await importPlugin(name);
  const functions = Object.values(exports).filter((value) => typeof value === "function");
  const ownName = /driver-(\w+)$/.exec(name)?.[1] ?? "";
  const factory =
    exports["default"] ?? exports[ownName] ?? (functions.length === 1 ? functions[0] : undefined);
  const driver: unknown = typeof factory === "function" ? await factory() : undefined;
  if (isDriver(driver)) return driver;
  throw new DmatestError(
    "ERR_DMATEST_DRIVER",
    `"${name}" is not a driver: expected a default export, or one exported function, that makes a DmaDriver; ` +
      `it exports ${Object.keys(exports).join(", ") || "nothing"}`,
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
    return await import(specifier).catch((error: unknown) => import(fromCurrentFolder(specifier, error)));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const help = isFile ? "" : `. If it is not installed: npm install ${specifier}`;
    throw new DmatestError(
      "ERR_DMATEST_DRIVER",
      `the driver "${specifier}" can't be loaded: ${reason}${help}`,
      {
        cause: error,
      },
    );
  }
}

/** @throws `cause`, if there is no such package in the current folder either */
function fromCurrentFolder(specifier: string, cause: unknown): string {
  try {
    return pathToFileURL(createRequire(join(process.cwd(), "here.js")).resolve(specifier)).href;
  } catch {
    throw cause;
  }
}
