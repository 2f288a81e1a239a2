/**
 * The arrows between the packages: apps -> md -> raid456 -> core <- sim <- drivers.
 * A package may import from exactly the packages listed beside it; apps and e2e may import from any.
 */
const arrows = {
  core: [],
  sim: ["core"],
  "driver-cpu": ["core"],
  "driver-ioat": ["core", "sim"],
  raid456: ["core"],
  md: ["raid456", "core"],
  nbd: [],
};

/** A client's tests need an engine that works, so they may also import a driver. */
const clients = ["raid456", "md"];
const drivers = Object.keys(arrows).filter((name) => name.startsWith("driver-"));

const test = "\\.test\\.ts$";
const oneOf = (names) => `^packages/(${names.join("|")})/`;

const arrowRules = Object.entries(arrows).flatMap(([name, mayImport]) => {
  const inside = [name, ...mayImport];
  const insideForTests = clients.includes(name) ? [...inside, "sim", ...drivers] : inside;
  const rule = (kind, from, allowed) => ({
    name: `arrows-of-${name}${kind}`,
    comment: `packages/${name}${kind} may import from: ${allowed.join(", ")}.`,
    severity: "error",
    from,
    to: { path: "^(packages|apps|e2e)/", pathNot: oneOf(allowed) },
  });
  return [
    rule("", { path: oneOf([name]), pathNot: test }, inside),
    rule("-tests", { path: `${oneOf([name])}.*${test}` }, insideForTests),
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
      comment: "A package's root runs in a browser; what needs Node lives in src/node/.",
      severity: "error",
      from: { path: "^packages/[^/]+/src/", pathNot: ["^packages/[^/]+/src/node/", test] },
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
