import { defineConfig } from "vitest/config";
import { examples } from "./scripts/examples.js";

// Packages resolve each other to their sources, so that no test needs a build first.
const conditions = ["@dmaengine/source", "module", "node", "development|production"];

export default defineConfig({
  plugins: [examples()],
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    // Tests never assert on wall time; this only ends one that hangs, on however busy a machine.
    testTimeout: process.env["DMAENGINE_LONG"] === "1" ? 1_800_000 : 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["{packages,apps,e2e}/*/src/**/*.test.ts", "scripts/**/*.test.ts"],
          exclude: ["**/*.e2e.test.ts"],
          maxWorkers: "100%",
        },
      },
      {
        extends: true,
        test: {
          name: "e2e",
          include: ["{apps,e2e}/*/src/**/*.e2e.test.ts", "scripts/**/*.e2e.test.ts"],
          // They build, pack and start programs of the same tree, one after the other.
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
