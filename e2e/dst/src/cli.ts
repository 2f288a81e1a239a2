/**
 * `pnpm dst`: runs schedules of whole arrays on simulated machines, one seed after the other, and stops at the first that finds a bug. Exit status: 0 nothing
 * found, 1 a bug, 2 the words make no sense, 130 interrupted.
 */
import { SingleBar } from "cli-progress";
import { Command, InvalidArgumentError } from "commander";
import { type Failure, runSchedule } from "./run.js";
import { Schedule } from "./schedule.js";

interface Options {
  readonly seed?: number;
  readonly from: number;
  readonly schedules: number;
  readonly seconds?: number;
  readonly json?: true;
}

/** What `--json` prints. */
interface Report {
  schedules: number;
  seconds: number;
  failure: Failure | null;
}

const LINE_INTERVAL_MILLIS = 10_000;
const BAR_INTERVAL_MILLIS = 100;

let interrupted = false;
process.once("SIGINT", () => {
  interrupted = true;
});

const options = new Command("dst")
  .description(
    "Runs RAID arrays on simulated machines where things go wrong, and compares them with a model.",
  )
  .option("--seed <n>", "run the schedule of this seed alone, and print what happens", wholeNumber)
  .option("--from <n>", "first seed", wholeNumber, 1)
  .option("--schedules <n>", "how many", wholeNumber, 100_000)
  .option("--seconds <n>", "stop after this time", wholeNumber)
  .option("--json", "print the outcome as JSON")
  .configureOutput({ outputError: (text, write) => write(text) })
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse()
  .opts<Options>();

process.exitCode = options.seed === undefined ? await runMany(options) : await runOne(options.seed);

/** One schedule, with everything that happens in it. */
async function runOne(seed: number): Promise<number> {
  const transcript: string[] = [];
  const schedule = new Schedule(seed, transcript);
  const problems = await schedule.run();
  const outcome = problems.length === 0 ? ["nothing is wrong"] : problems;
  process.stdout.write(`${[schedule.describe(), ...transcript, ...outcome].join("\n")}\n`);
  return problems.length === 0 ? 0 : 1;
}

async function runMany({
  from,
  schedules,
  seconds = Number.POSITIVE_INFINITY,
  json,
}: Options): Promise<number> {
  const startedAt = performance.now();
  const elapsed = (): number => (performance.now() - startedAt) / 1000;
  const show = startProgress(schedules, elapsed);
  const report: Report = { schedules: 0, seconds: 0, failure: null };
  while (report.schedules < schedules && elapsed() < seconds && report.failure === null && !interrupted) {
    report.failure = await runSchedule(from + report.schedules);
    report.schedules += 1;
    show.update(report.schedules);
  }
  show.stop();
  report.seconds = elapsed();
  process.stdout.write(
    json === true ? `${JSON.stringify(report, null, 2)}\n` : `${describe(report, from)}\n`,
  );
  if (report.failure !== null) return 1;
  return interrupted ? 130 : 0;
}

function describe({ schedules, seconds, failure }: Report, from: number): string {
  if (failure !== null) return failure.report;
  const rate = (schedules / seconds).toFixed(0);
  return `${schedules} schedules, seeds ${from} to ${from + schedules - 1}, ${rate} a second: nothing is wrong${interrupted ? " so far (interrupted)" : ""}`;
}

/** A bar on a terminal, a line now and then elsewhere; on stderr. */
function startProgress(total: number, elapsed: () => number): { update(done: number): void; stop(): void } {
  const pace = (done: number): string => {
    const rate = done / elapsed();
    return `${rate.toFixed(0)} schedules/s, ${((total - done) / rate).toFixed(0)} s left`;
  };
  if (process.stderr.isTTY !== true) {
    let next = LINE_INTERVAL_MILLIS;
    return {
      update(done) {
        if (elapsed() * 1000 < next) return;
        next += LINE_INTERVAL_MILLIS;
        process.stderr.write(`dst: ${done} of ${total} schedules, ${pace(done)}\n`);
      },
      stop() {},
    };
  }
  const bar = new SingleBar({
    format: "dst [{bar}] {percentage}%  {value} of {total} schedules, {pace}",
    barCompleteChar: "=",
    barIncompleteChar: ".",
    hideCursor: true,
    clearOnComplete: true,
    gracefulExit: false,
  });
  bar.start(total, 0, { pace: "" });
  let next = 0;
  return {
    update(done) {
      if (elapsed() * 1000 < next) return;
      next = elapsed() * 1000 + BAR_INTERVAL_MILLIS;
      bar.update(done, { pace: pace(done) });
    },
    stop: () => bar.stop(),
  };
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("expected a whole number.");
  return Number(text);
}
