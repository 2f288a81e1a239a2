/**
 * The arrows between the packages: apps -> md -> raid456 -> core <- sim <- drivers.
 * A package's sources may import from exactly the packages listed in `src`, its tests (`*.test.ts`, and what they share in `src/testing/`) also from those in `tests`.
 * Apps and e2e may import from any.
 */
const engines = ["driver-cpu", "driver-ioat", "driver-iop3xx", "driver-mvxor", "driver-pl08x", "sim"];
const arrows = {
  core: { src: [], tests: [] },
  sim: { src: ["core"], tests: [] },
  conformance: { src: ["core"], tests: [] },
  "driver-cpu": { src: ["core"], tests: ["conformance"] },
  "driver-isal": { src: ["core"], tests: ["conformance", "driver-cpu"] },
  "driver-ioat": { src: ["core", "sim"], tests: ["conformance"] },
  "driver-pl08x": { src: ["core", "sim"], tests: ["conformance"] },
  "driver-mvxor": { src: ["core", "sim"], tests: ["conformance"] },
  "driver-iop3xx": { src: ["core", "sim"], tests: ["conformance"] },
  raid456: { src: ["core"], tests: engines },
  "async-tx": { src: ["core"], tests: engines },
  md: { src: ["raid456", "core"], tests: engines },
  nbd: { src: [], tests: [] },
};

const test = "(\\.test\\.ts$|/src/testing/)";
const oneOf = (names) => `^packages/(${names.join("|")})/`;

const arrowRules = Object.entries(arrows).flatMap(([name, { src, tests }]) => {
  const rule = (kind, from, mayImport) => ({
    name: `arrows-of-${name}${kind}`,
    comment: `packages/${name}${kind} may import from: ${mayImport.join(", ") || "no other package"}.`,
    severity: "error",
    from,
    to: { path: "^(packages|apps|e2e)/", pathNot: oneOf([name, ...mayImport]) },
  });
  return [
    rule("", { path: oneOf([name]), pathNot: test }, src),
    rule("-tests", { path: `${oneOf([name])}.*${test}` }, [...src, ...tests]),
  ];
});

export default {
  forbidden: [
    ...arrowRules,
    {
      name: "package-without-arrows",
      comment: "A new package must say in .dependency-cruiser.mjs which packages it may import from.",
      severity: "error",
      from: { path: "^packages/", pathNot: oneOf(Object.keys(arrows)) },
      to: {},
    },
    {
      name: "no-import-past-the-exports",
      comment: "Another package is imported by its name, never by a path into its folder.",
      severity: "error",
      from: { path: "^(packages|apps|e2e)/([^/]+)/" },
      to: { path: "^(packages|apps|e2e)/", pathNot: "^$1/$2/", dependencyTypes: ["local"] },
    },
    {
      name: "no-cycles",
      comment:
        "A module that runs before what it imports finds it undefined. Types alone may refer to each other.",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "node-only-in-src-node",
      comment:
        "A package's root runs in a browser; what needs Node lives in src/node/. All of driver-isal needs a native library.",
      severity: "error",
      from: {
        path: "^packages/[^/]+/src/",
        pathNot: ["^packages/[^/]+/src/node/", "^packages/driver-isal/", test],
      },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "root-does-not-reach-src-node",
      comment: "A package's root runs in a browser, so nothing outside src/node/ may import from it.",
      severity: "error",
      from: { path: "^packages/[^/]+/src/", pathNot: ["^packages/[^/]+/src/node/", test] },
      to: { path: "^packages/[^/]+/src/node/" },
    },
    {
      name: "no-unresolvable",
      comment: "The import names no file, no export of a package and no installed dependency.",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    // Type-only imports count: an arrow is an arrow.
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    exclude: { path: "/dist/" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["@dmaengine/source", "import", "types", "node", "default"],
    },
  },
};
