import { defineConfig } from "tsup";
import { libraryPreset } from "../../tsup.preset.js";

const preset = libraryPreset({ index: "src/index.ts", thread: "src/thread.js" });

// The shims: import.meta.url, next to which the thread's file is, in CommonJS too.
export default defineConfig({ ...preset, shims: true });
