/**
 * `npm test`: everything that decides whether a change is good. It installs what is missing, passes the gates below,
 * runs the tests, and ends with the line `N passed, N failed, N skipped`. Each gate counts as one check beside the
 * tests, so that the line speaks for the whole run. The exit code is 0 only when nothing failed.
 *
 *   --long           longer runs of the same tests (DMAENGINE_LONG=1)
 *   --long-conformance  longer runs of the conformance kit, which take hours over all drivers, so CI leaves them to
 *                    releases (DMAENGINE_LONG_CONFORMANCE=1)
 *   --require-linux  tests that need a Linux virtual machine, ISA-L or Chromium fail, rather than skip, without it
 *                    (DMAENGINE_REQUIRE_LINUX=1)
 *   --unit           the unit tests alone, without the gates
 *   --node 20        run the tests on that major version of Node instead of the toolchain's
 */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { install, root, run, script, turbo } from "./workspace.mjs";

const { values: options } = parseArgs({
  options: {
    long: { type: "boolean", default: false },
    "long-conformance": { type: "boolean", default: false },
    "require-linux": { type: "boolean", default: false },
    unit: { type: "boolean", default: false },
    node: { type: "string", default: "24" },
  },
});

/** The Nodes that the root package.json installs, by major version. */
const nodes = { 20: "node20", 24: "node" };
const nodePackage = nodes[options.node];
if (!nodePackage) {
  throw new Error(`--node ${options.node}: expected one of ${Object.keys(nodes).join(", ")}`);
}
if (options.long) {
  process.env["DMAENGINE_LONG"] = "1";
}
if (options["long-conformance"]) {
  process.env["DMAENGINE_LONG_CONFORMANCE"] = "1";
}
if (options["require-linux"]) {
  process.env["DMAENGINE_REQUIRE_LINUX"] = "1";
}

/** What has to hold besides the tests, in this order: the tests of the command line need the build. */
const gates = {
  lint: () => script("lint"),
  arrows: () => script("arrows"),
  typecheck: () => turbo(["typecheck"]),
  build: () => turbo(["build"]),
  unused: () => script("unused"),
  packages: () => script("packages"),
  api: () => script("api"),
};

const counts = { passed: 0, failed: 0, skipped: 0 };
/** Titles of skipped tests by file, and what failed. Failures come last: whoever sees only the end of the output sees them. */
const skips = new Map();
const failures = [];

if (pass("install", install)) {
  if (!options.unit) {
    for (const [name, gate] of Object.entries(gates)) {
      pass(name, gate);
    }
  }
  runTests();
}
for (const [path, titles] of skips) {
  console.log(describeSkips(path, titles));
}
for (const failure of failures) {
  console.log(failure);
}
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = counts.failed === 0 ? 0 : 1;

/** Runs one gate and counts it. Its output matters only when it failed. */
function pass(name, gate) {
  const { ok, output } = gate();
  console.log(`${ok ? "ok    " : "FAILED"} ${name}`);
  counts[ok ? "passed" : "failed"] += 1;
  if (!ok) {
    console.log(output);
    failures.push(`failed: the ${name} gate`);
  }
  return ok;
}

/** Runs the tests of all packages in one go and counts each. */
function runTests() {
  const report = join(root, "node_modules/.cache/test-report.json");
  rmSync(report, { force: true });
  const node = join(root, "node_modules", nodePackage, "bin/node");
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  // Vitest's own report of a failure needs Map.groupBy, which Node 20 hasn't; the lines below name it there.
  const shown = options.node === "20" ? [] : ["--reporter=default"];
  const reporters = [...shown, "--reporter=json", `--outputFile.json=${report}`];
  const projects = options.unit ? ["--project=unit"] : [];
  const { ok } = run([node, vitest, "run", ...reporters, ...projects], "inherit");

  const failedBefore = counts.failed;
  for (const file of readReport(report)) {
    const path = relative(root, file.name);
    for (const test of file.assertionResults) {
      const outcome = { passed: "passed", failed: "failed" }[test.status] ?? "skipped";
      counts[outcome] += 1;
      if (outcome === "skipped") {
        skips.set(path, [...(skips.get(path) ?? []), test.fullName]);
      }
      if (outcome === "failed") {
        failures.push([`failed: ${path}: ${test.fullName}`, ...(test.failureMessages ?? [])].join("\n"));
      }
    }
    if (file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed")) {
      counts.failed += 1;
      failures.push(`failed: ${path}: ${file.message.split("\n")[0]}`);
    }
  }
  if (!ok && counts.failed === failedBefore) {
    counts.failed += 1;
    failures.push("failed: vitest itself, for the reason above");
  }
}

/** A line for the skipped tests of a file: the conformance kit has one for each operation that a driver does not claim. */
function describeSkips(path, titles) {
  const [first, ...others] = titles;
  return `skipped: ${path}: ${first}${others.length > 0 ? ` and ${others.length} more` : ""}`;
}

/** The report's test files, or none when vitest ended before it could write one. */
function readReport(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")).testResults : [];
}
