import { writeFile } from "node:fs/promises";
import type { Writable } from "node:stream";
import type { RaidLevel } from "@dmaengine/raid456";
import { Command, CommanderError, InvalidArgumentError } from "commander";
// biome-ignore lint/correctness/useImportExtensions: it is JSON.
import { version } from "../package.json";
import { ExitStatus, LabError } from "./errors.js";
import { MACHINES, type Machine } from "./machine/machines.js";
import { type Comparison, type ComparisonOptions, compare } from "./measure/compare.js";
import { chromeTrace } from "./report/chrome-trace.js";
import { comparisonTable } from "./report/comparison-table.js";
import { jsonReport } from "./report/json.js";
import { htmlPage } from "./report/page.js";
import { textTable } from "./report/table.js";
import { DEFAULT_SIZE } from "./workload/generate.js";

/** What a run of the program writes to: the process's own, or a test's. */
export interface Io {
  readonly stdout: Writable;
  readonly stderr: Writable;
}

interface Options {
  readonly platform: readonly Machine[];
  readonly level: readonly RaidLevel[];
  readonly seed: number;
  readonly depth: number;
  readonly chunk: number;
  readonly skipCopy?: boolean;
  readonly trace?: string;
  readonly html?: string;
  readonly json?: boolean;
}

const HELP = `
Platforms:
${MACHINES.map(({ name, engines }) => `  ${name.padEnd(17)}${engines}`).join("\n")}

Exit status: 0 everything ran; 1 raid456 has wrong bytes; 2 the words above make no sense.`;

/**
 * Runs the command line.
 *
 * @param words what the user has typed behind `offload-lab`
 * @returns the exit status
 */
export async function main(words: readonly string[], io: Io): Promise<number> {
  let status: number = ExitStatus.OK;
  const program = new Command("offload-lab")
    .description(
      "Do the same RAID workload through async_tx, as Linux md did, and through raid456, on simulated machines.",
    )
    .version(version)
    .option("-p, --platform <names>", "which machines, separated by commas", parseMachines, MACHINES)
    .option("-l, --level <levels>", "5, 6 or both, separated by a comma", parseLevels, [5, 6])
    .option("--seed <number>", "of the workload and of what caches do", parseNumber(0), 1)
    .option("--depth <number>", "requests in flight", parseNumber(1), 8)
    .option(
      "--chunk <KiB>",
      "the array's chunk, a power of two from 4 to 64",
      parseChunk,
      DEFAULT_SIZE.chunkBytes,
    )
    .option("--skip-copy", "md uses whole pages of requests where they are (its skip_copy)")
    .option("--trace <file>", "write what happened, for ui.perfetto.dev")
    .option("--html <file>", "write one page with charts and timelines")
    .option("--json", "print one JSON document in place of tables")
    .addHelpText("after", HELP)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text.replace(/^error: /, "offload-lab: ")),
    })
    .action(async (options: Options) => {
      status = await run(options, io);
    });
  try {
    await program.parseAsync(words, { from: "user" });
    return status;
  } catch (error) {
    // commander has said already what is wrong with the words.
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitStatus.OK : ExitStatus.USAGE;
    if (!(error instanceof LabError)) throw error;
    io.stderr.write(`offload-lab: ${error.message}\n`);
    return ExitStatus.USAGE;
  }
}

async function run(options: Options, { stdout, stderr }: Io): Promise<number> {
  const {
    platform,
    level: levels,
    seed,
    depth,
    chunk,
    skipCopy = false,
    trace,
    html,
    json = false,
  } = options;
  const comparisons: Comparison[] = [];
  for (const machine of platform) {
    const own: Comparison[] = [];
    for (const level of levels) {
      const size = { ...DEFAULT_SIZE, chunkBytes: chunk };
      const comparison: ComparisonOptions = { level, size, seed, depth, mdSkipCopy: skipCopy };
      own.push(await compare(machine, comparison));
    }
    comparisons.push(...own);
    if (!json) stdout.write(`${machine.name}: ${machine.engines}\n${textTable(comparisonTable(own))}\n\n`);
  }
  if (json) stdout.write(`${jsonReport(comparisons)}\n`);
  if (trace !== undefined) await save(trace, JSON.stringify(chromeTrace(comparisons)));
  if (html !== undefined) await save(html, htmlPage(comparisons, { seed, depth }));
  const wrong = comparisons.filter(({ sides }) => sides.raid456.wrongBytes > 0);
  if (wrong.length === 0) return ExitStatus.OK;
  stderr.write(
    `offload-lab: raid456 has wrong bytes on ${wrong.map(({ machine, level }) => `${machine.name} (RAID-${level})`).join(", ")}; ` +
      `the same again: --seed ${seed}\n`,
  );
  return ExitStatus.WRONG_BYTES;
}

async function save(file: string, content: string): Promise<void> {
  try {
    await writeFile(file, content);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new LabError("ERR_LAB_USAGE", `${file} can't be written: ${reason}`, { cause: error });
  }
}

function parseMachines(text: string): Machine[] {
  return text.split(",").map((name) => {
    const machine = MACHINES.find((candidate) => candidate.name === name.trim());
    if (machine !== undefined) return machine;
    throw new InvalidArgumentError(`expected ${MACHINES.map((known) => known.name).join(", ")}.`);
  });
}

function parseLevels(text: string): RaidLevel[] {
  return text.split(",").map((level) => {
    if (level === "5" || level === "6") return Number(level) as RaidLevel;
    throw new InvalidArgumentError("expected 5, 6, or 5,6.");
  });
}

function parseChunk(text: string): number {
  const kib = Number(text);
  if (Number.isInteger(Math.log2(kib)) && kib >= 4 && kib <= 64) return kib * 1024;
  throw new InvalidArgumentError("expected a power of two from 4 to 64.");
}

function parseNumber(min: number) {
  return (text: string): number => {
    if (/^\d{1,9}$/.test(text) && Number(text) >= min) return Number(text);
    throw new InvalidArgumentError(`expected a whole number from ${min} on.`);
  };
}
