/**
 * Writes what each door of a package exports, without implementation and comments, to `api/<door>.api.md` in the package,
 * so that a change of the public surface shows in the diff. Packages that want this have a folder `api/`.
 *
 *   node scripts/api-report.mjs           writes the reports
 *   node scripts/api-report.mjs --check   fails if one is not current
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const root = fileURLToPath(new URL("..", import.meta.url));
const check = process.argv.includes("--check");

for (const name of readdirSync(join(root, "packages"))) {
  const folder = join(root, "packages", name);
  if (!existsSync(join(folder, "api"))) continue;
  for (const [door, report] of reportsOf(folder)) {
    const path = join(folder, "api", `${door}.api.md`);
    const shown = relative(root, path);
    const current = existsSync(path) && readFileSync(path, "utf8") === report;
    if (check && !current) {
      console.error(`${shown} is not current: run node scripts/api-report.mjs and look at the difference`);
      process.exitCode = 1;
    } else if (!current) {
      writeFileSync(path, report);
      console.log(`${shown} written`);
    }
  }
}

/** The report of each door, by the name of its source file. */
function reportsOf(folder) {
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const sources = Object.entries(manifest.exports)
    .filter(([, target]) => typeof target === "object" && "@dmaengine/source" in target)
    .map(([door, target]) => [door, join(folder, target["@dmaengine/source"])]);
  const program = declarations(
    folder,
    sources.map(([, source]) => source),
  );
  return sources.map(([door, source]) => [
    door === "." ? "index" : door.slice("./".length),
    reportOf(program, join(manifest.name, door), source),
  ]);
}

/** A program over the declaration files that these sources have, which are kept in memory. */
function declarations(folder, sources) {
  const config = ts.readConfigFile(join(folder, "tsconfig.json"), ts.sys.readFile).config;
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, folder);
  const emitting = { ...options, noEmit: false, declaration: true, emitDeclarationOnly: true };
  const files = new Map();
  ts.createProgram(sources, emitting).emit(undefined, (path, text) => files.set(path, text));

  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (path) => files.has(path) || (!files.has(declarationOf(path)) && fileExists(path));
  host.readFile = (path) => files.get(path) ?? readFile(path);
  host.getSourceFile = (path, languageVersion) =>
    files.has(path)
      ? ts.createSourceFile(path, files.get(path), languageVersion, true)
      : getSourceFile(path, languageVersion);
  return ts.createProgram(sources.map(declarationOf), options, host);
}

function declarationOf(path) {
  return path.replace(/(?<!\.d)\.ts$/, ".d.ts");
}

function reportOf(program, door, source) {
  const checker = program.getTypeChecker();
  const file = program.getSourceFile(declarationOf(source));
  const printer = ts.createPrinter({ removeComments: true });
  const parts = checker
    .getExportsOfModule(checker.getSymbolAtLocation(file))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((symbol) => {
      const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      return target.declarations
        .map((node) => (ts.isVariableDeclaration(node) ? node.parent.parent : node))
        .map((node) => printer.printNode(ts.EmitHint.Unspecified, node, node.getSourceFile()))
        .join("\n");
    });
  return formatted(
    [`# API of \`${door}\``, "```ts", parts.join("\n\n"), "```", ""]
      .join("\n\n")
      .replace("```ts\n\n", "```ts\n"),
  );
}

/** As the lint gate wants it. */
function formatted(report) {
  const biome = join(root, "node_modules/.bin/biome");
  const { status, stdout, stderr } = spawnSync(biome, ["format", "--stdin-file-path=report.md"], {
    cwd: root,
    input: report,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`biome could not format a report: ${stderr}`);
  return stdout;
}
