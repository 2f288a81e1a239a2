import { defineConfig } from "tsup";
import { libraryPreset } from "../../tsup.preset.js";

const preset = libraryPreset({
  index: "src/index.ts",
  node: "src/node/index.ts",
  "io-thread": "src/node/io-thread.js",
});

// The shims: import.meta.url, next to which the threads' file is, in CommonJS too.
export default defineConfig({ ...preset, shims: true });
