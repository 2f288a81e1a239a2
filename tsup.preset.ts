import { defineConfig } from "tsup";

/** Output name without extension -> source file. */
type Entries = Record<string, string>;

const common = { target: "node20.19", sourcemap: true, clean: true, removeNodeProtocol: false } as const;

/** A published library: ESM and CommonJS, each with its own type declarations. */
export function libraryPreset(entry: Entries) {
  return defineConfig({
    entry,
    format: ["esm", "cjs"],
    dts: true,
    // One copy of a class that two entries share, in CommonJS as in ESM.
    splitting: true,
    ...common,
  });
}

/** A published program: nobody imports it, so ESM alone and no type declarations. */
export function programPreset(entry: Entries) {
  return defineConfig({ entry, format: "esm", ...common });
}
