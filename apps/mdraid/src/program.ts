import { Command, InvalidArgumentError, Option } from "commander";
// biome-ignore lint/correctness/useImportExtensions: it is JSON.
import { version } from "../package.json";
import type { AssemblyOptions } from "./array/with-array.js";
import { type AddCommandOptions, runAdd } from "./commands/add.js";
import { type CreateOptions, runCreate } from "./commands/create.js";
import { runDetail } from "./commands/detail.js";
import { runExamine } from "./commands/examine.js";
import { type ReadOptions, runRead } from "./commands/read.js";
import { type RepairOptions, runCheck, runRepair, type ScrubOptions } from "./commands/scrub.js";
import { runWrite, type WriteOptions } from "./commands/write.js";
import type { Io } from "./io.js";
import { parseSize } from "./size.js";

type Json = { readonly json?: boolean };

const MEMBERS = "files or devices, in any order";

const HELP = `
Sizes are bytes, or end with K, M, G, T (1024) or s (512-byte sectors).
examine, detail, read and check leave every byte and time stamp of the members as it was.

Exit status: 0 fine; 1 the array has a problem or the command failed; 2 wrong usage;
130 or 143 stopped by SIGINT or SIGTERM.`;

/**
 * The command line.
 *
 * @param onStatus called with the exit status of the command that was run
 */
export function buildProgram(io: Io, onStatus: (status: number) => void): Command {
  const program = new Command("mdraid")
    .description("Read, check, repair and rebuild Linux md RAID-4/5/6 arrays from member disks or images.")
    .version(version)
    .addHelpText("after", HELP);
  /** A subcommand; all of them print the same way and throw instead of ending the process. */
  const command = (name: string, description: string): Command =>
    withOutput(program.command(name).description(description), io);
  const run = async (status: Promise<number>): Promise<void> => onStatus(await status);
  withOutput(program, io);

  engineOptions(
    command("create", "make a new array, with parity that fits")
      .argument(
        "<members...>",
        "files or devices, slot by slot; with --size, files that don't exist are created",
      )
      .requiredOption("-l, --level <level>", "4, 5 or 6", parseLevel)
      .requiredOption("-n, --raid-devices <number>", "number of members", parseCount)
      .addOption(
        new Option("-c, --chunk <size>", "chunk size").argParser(parseSize).default(512 * 1024, "512K"),
      )
      .option("-p, --layout <name>", "mdadm's name of the layout (default: left-symmetric)")
      .addOption(new Option("-e, --metadata <version>", "metadata format").choices(["1.2"]).default("1.2"))
      .option("-z, --size <size>", "length of files that are created", parseSize)
      .option("--assume-clean", "take the parity that is there as it is")
      .option("-N, --name <name>", "name of the array", "mdraid")
      .option("--force", "overwrite whatever is on the members")
      .option("--json", "print the array as JSON"),
  ).action((members: string[], options: CreateOptions) => run(runCreate(io, members, options)));

  command("examine", "say what each member's superblock says")
    .argument("<members...>", MEMBERS)
    .option("--json", "print JSON")
    .action((members: string[], options: Json) => run(runExamine(io, members, options)));

  assemblyOptions(
    command("detail", "say what array the members make up, and in what state")
      .argument("<members...>", MEMBERS)
      .option("--json", "print JSON"),
  ).action((members: string[], options: AssemblyOptions & Json) => run(runDetail(io, members, options)));

  arrayOptions(
    command("read", "copy the array's content, or a part of it, out")
      .argument("<members...>", MEMBERS)
      .option("--offset <size>", "first byte", parseSize, 0)
      .option("--length <size>", "number of bytes (default: up to the end)", parseSize)
      .option("-o, --output <file>", "where to; - is standard output", "-"),
  ).action((members: string[], options: ReadOptions) => run(runRead(io, members, options)));

  arrayOptions(
    command("write", "store a file, or standard input, in the array")
      .argument("<members...>", MEMBERS)
      .option("--offset <size>", "first byte", parseSize, 0)
      .option("-i, --input <file>", "where from; - is standard input", "-")
      .option("--json", "print the result as JSON"),
  ).action((members: string[], options: WriteOptions) => run(runWrite(io, members, options)));

  arrayOptions(
    command("add", "put new members into empty slots, and rebuild what is not rebuilt")
      .usage("--to <members...> [options] -- [new members...]")
      .argument(
        "[new members...]",
        "files or devices; files that don't exist are created as long as the others",
      )
      .requiredOption("--to <members...>", "the members that the array has; end them with --")
      .option("--force", "overwrite whatever is on the new members")
      .option("--json", "print the array as JSON"),
  ).action((members: string[], options: AddCommandOptions) => run(runAdd(io, members, options)));

  arrayOptions(
    command("check", "compare data with parity")
      .argument("<members...>", MEMBERS)
      .option("--json", "print the result as JSON"),
  ).action((members: string[], options: ScrubOptions) => run(runCheck(io, members, options)));

  arrayOptions(
    command("repair", "make parity anew where it does not match the data")
      .argument("<members...>", MEMBERS)
      .option("--located", "on RAID-6: write only blocks anew that both syndromes say are wrong")
      .option("--json", "print the result as JSON"),
  ).action((members: string[], options: RepairOptions) => run(runRepair(io, members, options)));

  return program;
}

function withOutput(command: Command, { stdout, stderr }: Io): Command {
  return command.exitOverride().configureOutput({
    writeOut: (text) => stdout.write(text),
    writeErr: (text) => stderr.write(text.replace(/^error: /, "mdraid: ")),
  });
}

/** The options of the commands that move an array's data. */
function arrayOptions(command: Command): Command {
  return engineOptions(assemblyOptions(command));
}

function assemblyOptions(command: Command): Command {
  return command
    .option("--uuid <uuid>", "which array, where the members belong to several")
    .option("--assemble-force", "take stale members, and parity in doubt, where it doesn't work otherwise");
}

function engineOptions(command: Command): Command {
  return command
    .option("--engine <names>", "who makes parity: cpu, ioat, packages or files of plugins, or none", "cpu")
    .option("--explain", "say who does the work, and why")
    .option("--stats", "say what did the work");
}

function parseLevel(text: string): CreateOptions["level"] {
  const [, level] = /^(?:raid)?([456])$/.exec(text) ?? [];
  if (level === undefined) throw new InvalidArgumentError("expected 4, 5 or 6.");
  return Number(level) as CreateOptions["level"];
}

function parseCount(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("expected a number.");
  return Number(text);
}
