import { platform } from "node:process";
import { DmaError } from "@dmaengine/core";
import { Executor } from "./execute.js";
import type { Ring } from "./ring.js";

/** What the system's loader calls the library, version 2 of its interface. */
const LIBRARIES: Readonly<Partial<Record<NodeJS.Platform, string>>> = {
  darwin: "libisal.2.dylib",
  win32: "isa-l.dll",
};
const LIBRARY = "libisal.so.2";

/** ISA-L as the main thread needs it: known to be there, and a way to tell where memory is. */
export interface Library {
  /** What it is loaded by, in every thread. */
  readonly path: string;
  /** The address of a buffer's first byte. */
  addressOf(buffer: SharedArrayBuffer): number;
  /** Serves a ring on this thread. */
  executor(ring: Ring): Executor;
}

/**
 * Loads the library.
 *
 * @param path - file, or name that the system's loader knows. Default: what the system's own package has.
 * @throws DmaError `ERR_DMA_PLUGIN` when it is not there, with a word on how to get it.
 */
export async function loadLibrary(path: string = LIBRARIES[platform] ?? LIBRARY): Promise<Library> {
  try {
    const { default: koffi } = await import("koffi");
    koffi.load(path, { deep: true }).func("ec_init_tables", "void", ["int", "int", "uintptr_t", "uintptr_t"]);
    return {
      path,
      addressOf: (buffer) => Number(koffi.address(new Uint8Array(buffer))),
      executor: (ring) => new Executor(koffi, ring.task(path)),
    };
  } catch (cause) {
    throw new DmaError(
      "ERR_DMA_PLUGIN",
      `isal: ${path} can't be loaded: ${(cause as Error).message.trim()}. Install ISA-L (Debian and Ubuntu: apt install libisal2; ` +
        "Fedora: dnf install isa-l; macOS: brew install isa-l), or say with the option library where it is, " +
        "or use another engine: driver-cpu needs no library",
      { cause },
    );
  }
}
