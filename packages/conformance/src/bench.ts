import {
  type DmaAddr,
  type DmaChan,
  type DmaCookie,
  type DmaDevice,
  DmaDirection,
  type DmaDriver,
  DmaEngine,
  DmaError,
  type DmaOperation,
  DmaStatus,
} from "@dmaengine/core";
import type { Exercise } from "./exercises/exercise.js";
import { type AnyChan, Job, type Trial } from "./job.js";
import type { Random } from "./random.js";
import { touchesMemory } from "./trials.js";
import { watched } from "./watched-driver.js";

/** What the kit can't know about a driver: how its time passes, and how its transfers can be made to fail. */
export interface Harness {
  /**
   * Lets some of the driver's time pass; the kit calls it between two looks at the state. Only for engines whose time stands still otherwise, such as
   * a simulation that is stepped. Left out: the kit lets the driver itself wait, or gives the event loop a turn.
   */
  letTimePass?(): void | Promise<void>;
  /**
   * An address at which the device's accesses will fail. Left out: one that was mapped once and isn't any more, which an engine is
   * expected to notice.
   *
   * @param lengthBytes - how much the transaction will touch there.
   */
  faultyAddr?(device: DmaDevice, lengthBytes: number): number;
}

/** What all cases of one call of the suite have in common. */
export interface BenchOptions {
  readonly driver: () => DmaDriver | Promise<DmaDriver>;
  readonly exercises: readonly Exercise[];
  readonly harness: Harness;
  readonly patienceMillis: number;
  readonly long: boolean;
}

/** Thrown by a case that can't apply to the driver. */
export class Skipped extends Error {}

/** A case ends when it has found this many problems: the rest is more of the same. */
const ENOUGH_PROBLEMS = 10;
class Enough extends Error {}

/** Where one case takes place: an engine instance with the driver, and everything that has to be cleared away again. */
export class Bench {
  readonly engine: DmaEngine;
  readonly driver: DmaDriver;
  readonly random: Random;
  readonly long: boolean;
  /** What the case found wrong. */
  problems: string[] = [];
  readonly #options: BenchOptions;
  readonly #chans = new Set<AnyChan>();
  #devices: readonly DmaDevice[] = [];
  #capabilities = "";
  #registered = false;

  private constructor(options: BenchOptions, driver: DmaDriver, random: Random, checker: boolean) {
    this.engine = new DmaEngine({ checker, onUncaught: (error) => this.#noteUncaught(error) });
    this.driver = watched(driver, (breach) => this.#noteUncaught(breach));
    this.random = random;
    this.long = options.long;
    this.#options = options;
  }

  /**
   * Runs a case on a bench of its own and clears up: everything that the case took is given back, and what can't be is a problem.
   *
   * @param checker - off for cases that break the rules of mapping on purpose.
   * @returns the problems. Throws {@link Skipped} when the case doesn't apply.
   */
  static async run(
    options: BenchOptions,
    random: Random,
    checker: boolean,
    body: (bench: Bench) => void | Promise<void>,
  ): Promise<readonly string[]> {
    const bench = new Bench(options, await options.driver(), random, checker);
    try {
      await bench.register();
      await body(bench);
      await bench.close();
    } catch (error) {
      if (!(error instanceof Enough || error instanceof Skipped)) bench.problems.push(inWords(error));
      await bench.#abandon();
      if (error instanceof Skipped && bench.problems.length === 0) throw error;
    }
    return bench.problems;
  }

  /** A second bench with a driver of its own, for the case to use and to {@link close}. Its problems count as this one's. */
  async another(): Promise<Bench> {
    const other = new Bench(this.#options, await this.#options.driver(), this.random, true);
    other.problems = this.problems;
    await other.register();
    return other;
  }

  /** Notes what went wrong where nobody on the stack cares. */
  #noteUncaught(error: unknown): void {
    if (error instanceof Enough || this.problems.length >= ENOUGH_PROBLEMS) return;
    this.problems.push(inWords(error));
  }

  get devices(): readonly DmaDevice[] {
    return this.#devices;
  }

  get exercises(): readonly Exercise[] {
    return this.#options.exercises;
  }

  /** Takes the driver in. Done already when the case starts. */
  async register(): Promise<void> {
    this.#devices = await this.engine.register(this.driver);
    this.#registered = true;
    const before = this.#capabilities;
    this.#capabilities = this.#recordCapabilities();
    if (before !== "")
      this.equal("what the driver finds when it is registered again", this.#capabilities, before);
  }

  /** Takes the driver away while clients still use it. Resolves when they have let go. */
  async remove(): Promise<void> {
    await this.#passTimeUntil(this.engine.remove(this.driver));
    this.#registered = false;
  }

  /** Lets the driver go when what is in flight has ended, and as soon as it is to; what keeps it for longer is a problem. */
  async unregister(withinMillis = 0): Promise<void> {
    this.#registered = false;
    const signal = withinMillis === 0 ? AbortSignal.abort() : AbortSignal.timeout(withinMillis);
    try {
      await this.#passTimeUntil(this.engine.unregister(this.driver, { signal }));
    } catch (error) {
      this.problem(`after everything was given back: ${inWords(error)}`);
    }
  }

  /** Notes that something is wrong. */
  problem(text: string): void {
    this.problems.push(text);
    if (this.problems.length >= ENOUGH_PROBLEMS) throw new Enough();
  }

  /** Notes several. */
  note(problems: readonly string[]): void {
    for (const text of problems) this.problem(text);
  }

  /** Notes a problem unless `actual` is `expected`. */
  equal(what: string, actual: unknown, expected: unknown): void {
    if (!Object.is(actual, expected)) this.problem(`${what}: expected ${expected}, got ${actual}`);
  }

  skip(reason: string): never {
    throw new Skipped(reason);
  }

  /** The devices that claim an operation; skips the case when there is none. */
  devicesWith(operation: DmaOperation): readonly DmaDevice[] {
    const devices = this.#devices.filter((device) => device.has(operation));
    if (devices.length === 0) this.skip(`${this.driver.name} does not claim ${operation}`);
    return devices;
  }

  /** The exercises for what a device claims. */
  exercisesOf(device: DmaDevice): readonly Exercise[] {
    return this.#options.exercises.filter(({ definition }) => device.has(definition.name));
  }

  /** The first operation of a device that works on memory. */
  workloadOf(device: DmaDevice): Exercise | undefined {
    return this.exercisesOf(device).find((exercise) => touchesMemory(device, exercise));
  }

  /**
   * For each device the first operation that works on memory, for cases to which the operation doesn't matter.
   * Skips the case when there is none.
   */
  workloads(): readonly { readonly device: DmaDevice; readonly exercise: Exercise }[] {
    const found = this.#devices.flatMap((device) => {
      const exercise = this.workloadOf(device);
      return exercise === undefined ? [] : [{ device, exercise }];
    });
    if (found.length === 0) this.skip(`${this.driver.name} has no operation that works on memory`);
    return found;
  }

  /** A channel of `device` that nobody else has. Released when the case ends. */
  request<Op extends DmaOperation>(device: DmaDevice, ...operations: readonly Op[]): DmaChan<Op> {
    const chan = this.engine.requestChannel(operations, {
      client: "conformance",
      filter: (candidate) => candidate === device,
    });
    this.#chans.add(chan);
    return chan;
  }

  /** All channels of a device. */
  requestEvery(device: DmaDevice, operation: DmaOperation): AnyChan[] {
    const chans: AnyChan[] = [];
    for (;;) {
      try {
        chans.push(this.request(device, operation));
      } catch (error) {
        if (DmaError.isInstance(error) && error.code === "ERR_DMA_NO_CHANNEL") return chans;
        throw error;
      }
    }
  }

  release(chan: AnyChan): void {
    this.#chans.delete(chan);
    chan.release();
  }

  /**
   * Prepares transactions behind those in `before`, as many as there is room for. No room for even the first is a problem.
   */
  prepare(
    device: DmaDevice,
    chan: AnyChan,
    exercise: Exercise,
    trials: Iterable<Trial>,
    before: readonly Job[] = [],
  ): Job[] {
    return this.#prepare(before, trials, (trial) => new Job(device, chan, exercise, trial, this.random));
  }

  /** The same with transactions that must fail, because the device can't reach operand `operand`. Only without the checker. */
  prepareFaulty(
    device: DmaDevice,
    chan: AnyChan,
    exercise: Exercise,
    trials: Iterable<Trial>,
    operand: number,
    before: readonly Job[] = [],
  ): Job[] {
    return this.#prepare(before, trials, (trial) => {
      const faulty = this.#faultyAddr(device, trial.lengthBytes);
      const substitute = (i: number, addr: DmaAddr): DmaAddr => (i === operand ? faulty : addr);
      return new Job(device, chan, exercise, trial, this.random, substitute);
    });
  }

  #prepare(before: readonly Job[], trials: Iterable<Trial>, make: (trial: Trial) => Job): Job[] {
    const jobs = [...before];
    for (const trial of trials) {
      const job = make(trial);
      if (job.tx !== null) {
        jobs.push(job);
        continue;
      }
      this.note(job.finish("undefined"));
      if (jobs.length === 0) this.problem(`${job}: prep returned null although nothing is in flight`);
      break;
    }
    return jobs;
  }

  /** How many transactions like these there is room for on an idle channel. */
  async room(
    device: DmaDevice,
    chan: AnyChan,
    exercise: Exercise,
    trials: readonly Trial[],
  ): Promise<number> {
    const jobs = this.prepare(device, chan, exercise, trials);
    await this.terminate(chan);
    for (const job of jobs) this.note(job.finish("undefined"));
    return jobs.length;
  }

  /** Submits transactions in this order, waits for them, and notes whatever is wrong with them. */
  async carryOut(chan: AnyChan, jobs: readonly Job[]): Promise<void> {
    const cookies = jobs.map((job) => job.submit());
    const last = cookies.at(-1);
    if (last !== undefined) await this.settle(chan, last);
    jobs.forEach((job, i) => {
      const status = chan.txStatus(cookies[i] as DmaCookie);
      this.note(job.finish(status === DmaStatus.COMPLETE ? "done" : "undefined"));
      if (status !== DmaStatus.COMPLETE) this.problem(`${job}: ended with ${statusInWords(status)}`);
    });
  }

  /** Carries any number of transactions out, up to `depth` at a time. */
  async perform(
    device: DmaDevice,
    chan: AnyChan,
    exercise: Exercise,
    trials: readonly Trial[],
    depth: number,
  ): Promise<void> {
    let next = 0;
    while (next < trials.length) {
      const jobs = this.prepare(device, chan, exercise, trials.slice(next, next + depth));
      if (jobs.length === 0) return;
      await this.carryOut(chan, jobs);
      next += jobs.length;
    }
  }

  /** Submits transactions that must fail, each of them, and waits. */
  async fail(chan: AnyChan, jobs: readonly Job[]): Promise<void> {
    const cookies = jobs.map((job) => job.submit());
    for (const [i, job] of jobs.entries()) {
      const status = await this.settle(chan, cookies[i] as DmaCookie);
      this.note(job.finish("undefined"));
      if (status !== DmaStatus.ERROR) {
        this.problem(`${job}: the device can't reach its memory, and it ended with ${statusInWords(status)}`);
      }
    }
  }

  /** Aborts everything on a channel and waits until nothing of it touches memory any more. */
  async terminate(chan: AnyChan): Promise<void> {
    chan.terminate();
    await this.#passTimeUntil(chan.synchronize());
  }

  /** Does the same with every operation of every device, each on a channel of its own. */
  async onEveryOperation(
    body: (device: DmaDevice, chan: AnyChan, exercise: Exercise) => Promise<void>,
  ): Promise<void> {
    for (const device of this.#devices) {
      for (const exercise of this.exercisesOf(device)) {
        const chan = this.request(device, exercise.definition.name);
        await body(device, chan, exercise);
        this.release(chan);
      }
    }
  }

  /** Starts what is queued and waits until the transaction has ended. A problem if it never does. */
  async settle(chan: AnyChan, cookie: DmaCookie): Promise<DmaStatus> {
    chan.issuePending();
    if (chan.txStatus(cookie) === DmaStatus.IN_PROGRESS) {
      if (this.#options.harness.letTimePass === undefined) {
        await settles(chan.syncWait(cookie), this.#options.patienceMillis);
      } else {
        await this.idle(() => chan.txStatus(cookie) !== DmaStatus.IN_PROGRESS);
      }
    }
    const status = chan.txStatus(cookie);
    if (status !== DmaStatus.COMPLETE && status !== DmaStatus.ERROR) {
      this.problem(`${chan.name}: cookie ${cookie} was issued and never ended: ${statusInWords(status)}`);
      throw new Enough();
    }
    return status;
  }

  /** Lets time pass without a look at the channel, until `done` or for as long as the kit is patient. Whether it is done. */
  async idle(done: () => boolean): Promise<boolean> {
    const giveUpAt = Date.now() + this.#options.patienceMillis;
    while (!done()) {
      if (Date.now() > giveUpAt) return false;
      await this.#letTimePass();
    }
    return true;
  }

  /** Lets enough time pass for a few transactions, without a look at the channel. */
  async pause(): Promise<void> {
    for (let turn = 0; turn < 5; turn++) await this.#letTimePass();
  }

  #faultyAddr(device: DmaDevice, lengthBytes: number): DmaAddr {
    const { harness } = this.#options;
    if (harness.faultyAddr !== undefined) return harness.faultyAddr(device, lengthBytes);
    const addr = device.mapSingle(new Uint8Array(lengthBytes), DmaDirection.BIDIRECTIONAL);
    device.unmapSingle(addr, lengthBytes, DmaDirection.BIDIRECTIONAL);
    return addr;
  }

  /** Waits for what the driver does in its own time. */
  async #passTimeUntil(promise: Promise<void>): Promise<void> {
    if (this.#options.harness.letTimePass !== undefined) {
      let settled = false;
      const settle = (): void => {
        settled = true;
      };
      promise.then(settle, settle);
      await this.idle(() => settled);
    }
    if (await settles(promise, this.#options.patienceMillis)) return;
    this.problem("the driver is still not done with what it was asked to end");
    throw new Enough();
  }

  async #letTimePass(): Promise<void> {
    const { letTimePass } = this.#options.harness;
    if (letTimePass !== undefined) await letTimePass();
    else await new Promise((resolve) => setTimeout(resolve, 0));
  }

  /** Gives everything back, and checks what must hold after every case. The kit does it when the case has ended. */
  async close(): Promise<void> {
    for (const chan of this.#chans) this.release(chan);
    for (const [deviceName, { channels, mapping }] of Object.entries(this.engine.stats().devices)) {
      this.equal(`${deviceName}: unmaps`, mapping.unmaps, mapping.maps);
      for (const [channelName, { operations }] of Object.entries(channels)) {
        for (const [operation, counters] of Object.entries(operations)) {
          const ended = counters.completed + counters.failed + counters.aborted;
          this.equal(`${channelName}: ended ${operation} transactions`, ended, counters.submitted);
        }
      }
    }
    this.equal("the capability records", this.#recordCapabilities(), this.#capabilities);
    if (this.#registered) await this.unregister();
  }

  get patienceMillis(): number {
    return this.#options.patienceMillis;
  }

  /** Gives back what can be given back after a failure, so that the next case starts clean. */
  async #abandon(): Promise<void> {
    for (const chan of this.#chans) {
      try {
        await this.terminate(chan);
        chan.release();
      } catch {
        // The case has failed already, and this is only the aftermath.
      }
    }
    await this.engine.unregister(this.driver, { signal: AbortSignal.abort() }).catch(() => {});
  }

  #recordCapabilities(): string {
    return JSON.stringify(this.#devices.map(({ name, capabilities }) => [name, capabilities]));
  }
}

/** A status for messages. */
export function statusInWords(status: DmaStatus): string {
  const name = Object.entries(DmaStatus).find(([, value]) => value === status)?.[0];
  return `the status ${name ?? status}`;
}

/** An error as a line of a report. */
export function inWords(error: unknown): string {
  if (DmaError.isInstance(error)) return `${error.code}: ${error.message}`;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

/** Whether a promise settles in time. Rejects when it does. */
async function settles(promise: Promise<unknown>, millis: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), millis);
  });
  try {
    return await Promise.race([promise.then(() => true), timeout]);
  } finally {
    clearTimeout(timer);
  }
}
