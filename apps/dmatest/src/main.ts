import type { Writable } from "node:stream";
import { DmaEngine, DmaError } from "@dmaengine/core";
import { loadDriver } from "@dmaengine/core/node";
import { Command, CommanderError, InvalidArgumentError } from "commander";
// biome-ignore lint/correctness/useImportExtensions: it is JSON.
import { version } from "../package.json";
import { DmatestError, ExitStatus } from "./errors.js";
import { defaultInWords, PARAMETER_HELP, parseParameters } from "./parameters.js";
import { collectReport, type JsonReport, logReport, type ThreadSummary } from "./report.js";
import { stress } from "./stress.js";

/** What a run of the program writes to and listens to: the process's own, or a test's. */
export interface Io {
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Aborted when the user asks the program to stop. */
  readonly signal: AbortSignal;
}

interface Options {
  readonly driver: string;
  readonly seed: number;
  readonly json?: boolean;
}

const HELP = `
Parameters are those of the kernel module, written as for modprobe: name=value, or the name alone for a yes.
${PARAMETER_HELP.map(([name, meaning]) => `  ${name.padEnd(18)}${meaning} (${defaultInWords(name) || "none"})`).join("\n")}

Exit status: 0 all tests passed; 1 some did not; 2 nothing could be tested.`;

/**
 * Runs the command line.
 *
 * @param words what the user has typed behind `dmatest`
 * @returns the exit status
 */
export async function main(words: readonly string[], io: Io): Promise<number> {
  let status: number = ExitStatus.OK;
  const program = new Command("dmatest")
    .description("Stress a dmaengine driver, as the Linux kernel's dmatest does.")
    .version(version)
    .requiredOption("-d, --driver <name>", "cpu, ioat, the package of a plugin, or a path to one")
    .option("--seed <number>", "of everything random", parseSeed, Date.now() % 0x1_0000_0000)
    .option("--json", "print one JSON document at the end")
    .argument("[parameters...]", "parameters of dmatest, see below")
    .addHelpText("after", HELP)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text.replace(/^error: /, "dmatest: ")),
    })
    .action(async (parameters: string[], options: Options) => {
      status = await run(parameters, options, io);
    });
  try {
    await program.parseAsync(words, { from: "user" });
    return status;
  } catch (error) {
    // commander has said already what is wrong with the words.
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitStatus.OK : ExitStatus.USAGE;
    if (!(error instanceof DmatestError || DmaError.isInstance(error))) throw error;
    io.stderr.write(`dmatest: ${error.message}\n`);
    return ExitStatus.USAGE;
  }
}

/** Tests one driver. The exit status tells how it went. */
async function run(
  words: readonly string[],
  options: Options,
  { stdout, stderr, signal }: Io,
): Promise<number> {
  const parameters = parseParameters(words);
  const driver = await loadDriver(options.driver, (specifier) => import(specifier));
  const { seed } = options;
  const json: JsonReport = { driver: driver.name, seed, channels: [], results: [], summaries: [] };
  const report = options.json === true ? collectReport(json) : logReport((line) => stdout.write(`${line}\n`));
  const engine = new DmaEngine();
  await engine.register(driver);
  const summaries = await stress(engine, { parameters, seed, report, signal });
  await engine.unregister(driver);
  if (options.json === true) stdout.write(`${JSON.stringify(json, null, 2)}\n`);
  if (summaries.every(isFine)) return ExitStatus.OK;
  stderr.write(`dmatest: some tests failed; the same ones again: --seed ${seed}\n`);
  return ExitStatus.FAILED;
}

function isFine({ failures, returnValue }: ThreadSummary): boolean {
  return failures === 0 && returnValue === 0;
}

function parseSeed(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("expected a number.");
  return Number(text);
}
