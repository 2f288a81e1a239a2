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
import type { AnyChan } from "./job.js";
import type { Random } from "./random.js";
import { type Harness, Time } from "./time.js";
import { touchesMemory } from "./trials.js";
import { watched } from "./watched-driver.js";

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
  readonly time: Time;
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
    this.time = new Time(options.harness, options.patienceMillis);
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
    if (before === "") return;
    this.equal("what the driver finds when it is registered again", this.#capabilities, before);
  }

  /** Takes the driver away while clients still use it. Resolves when they have let go. */
  async remove(): Promise<void> {
    await this.#done(this.engine.remove(this.driver));
    this.#registered = false;
  }

  /** Lets the driver go when what is in flight has ended, and as soon as it is to; what keeps it for longer is a problem. */
  async unregister(withinMillis = 0): Promise<void> {
    this.#registered = false;
    const signal = withinMillis === 0 ? AbortSignal.abort() : AbortSignal.timeout(withinMillis);
    try {
      await this.#done(this.engine.unregister(this.driver, { signal }));
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
    if (devices.length === 0) this.skip(`does not claim ${operation}`);
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
    if (found.length === 0) this.skip("has no operation that works on memory");
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

  /** Aborts everything on a channel and waits until nothing of it touches memory any more. */
  async terminate(chan: AnyChan): Promise<void> {
    chan.terminate();
    await this.#done(chan.synchronize());
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

  /** Starts what is queued and waits until a transaction has ended. A problem, and the end of the case, if it never does. */
  async settle(chan: AnyChan, cookie: DmaCookie): Promise<DmaStatus> {
    const status = await this.time.statusAfter(chan, cookie);
    if (status === DmaStatus.COMPLETE || status === DmaStatus.ERROR) return status;
    this.problem(`${chan.name}: cookie ${cookie} was issued and never ended: ${statusInWords(status)}`);
    throw new Enough();
  }

  /** An address at which the device's accesses fail. */
  faultyAddr(device: DmaDevice, lengthBytes: number): DmaAddr {
    const { harness } = this.#options;
    if (harness.faultyAddr !== undefined) return harness.faultyAddr(device, lengthBytes);
    const addr = device.mapSingle(new Uint8Array(lengthBytes), DmaDirection.BIDIRECTIONAL);
    device.unmapSingle(addr, lengthBytes, DmaDirection.BIDIRECTIONAL);
    return addr;
  }

  async #done(promise: Promise<void>): Promise<void> {
    if (await this.time.settles(promise)) return;
    this.problem(`${this.driver.name} is still not done with what it was asked to end`);
    throw new Enough();
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
function inWords(error: unknown): string {
  if (DmaError.isInstance(error)) return `${error.code}: ${error.message}`;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
