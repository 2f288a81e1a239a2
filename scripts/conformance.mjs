/**
 * `pnpm conformance [driver...]`: runs the conformance kit for every driver, every variant of it and every platform, and prints a table of what
 * passed and what was skipped for which reason. What there is to run is what the drivers' `*.conformance.test.ts` hand to the kit: the same
 * tests that `npm test` runs. A driver is named by its folder, `mvxor` or `driver-mvxor`; without any, all run. The exit code is 0 only
 * when nothing failed.
 *
 *   --json   prints the rows as JSON instead
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startVitest } from "vitest/node";
import { root } from "./workspace.mjs";

const { values: options, positionals } = parseArgs({
  options: { json: { type: "boolean", default: false } },
  allowPositionals: true,
});

const wanted = positionals.map((name) => `driver-${name.replace(/^driver-/, "")}`);
const files = readdirSync(join(root, "packages"))
  .filter((folder) => folder.startsWith("driver-") && (wanted.length === 0 || wanted.includes(folder)))
  .flatMap((folder) => conformanceTests(join(root, "packages", folder, "src")));
if (files.length === 0) {
  throw new Error(`no driver package called ${wanted.join(" or ")} has a *.conformance.test.ts`);
}

const vitest = await startVitest("test", files, {
  root,
  watch: false,
  project: ["unit"],
  reporters: [[join(root, "scripts/conformance-reporter.ts"), { json: options.json }]],
  // What the kit logs, the table says.
  silent: true,
});
await vitest.close();

function conformanceTests(folder) {
  return readdirSync(folder, { recursive: true })
    .filter((path) => path.endsWith(".conformance.test.ts"))
    .map((path) => join(folder, path));
}
