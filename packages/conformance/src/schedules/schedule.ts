import {
  DMA_CTRL_ACK,
  DMA_PREP_FENCE,
  DMA_PREP_INTERRUPT,
  type DmaCookie,
  type DmaDevice,
  DmaError,
  DmaStatus,
  DmaTransResult,
} from "@dmaengine/core";
import { type Bench, statusInWords } from "../bench.js";
import type { Exercise } from "../exercises/exercise.js";
import { type AnyChan, Job, type Trial } from "../job.js";
import { nearestLength, PLAIN, randomLayout } from "../layout.js";
import { blockFor } from "../trials.js";
import type { ScheduledPlatform } from "./schedules.js";
import { fewShapes } from "./shapes.js";

/** Transactions of the burst that has to succeed in the end. */
const BURST = 8;
/** More happens in no machine before a wait is over. */
const MOST_EVENTS = 50_000;
const LONGEST_BYTES = 200;
/** What must harm nothing: a client that looks finds what it was not told, or waits a little longer. */
const HARMLESS: readonly string[] = ["lostInterrupt", "lateCompletion"];

/** A transaction that was submitted and has not ended, as far as its client knows. */
interface Open {
  readonly job: Job;
  readonly cookie: DmaCookie;
  /** Whether it is to interrupt when it has ended. */
  readonly interrupts: boolean;
  ended: boolean;
}

/** A client of one channel. */
interface Client {
  readonly chan: AnyChan;
  readonly exercises: readonly Exercise[];
  /** In the order of submission. */
  readonly open: Open[];
  canPause: boolean;
}

/**
 * What the clients of a driver do, step by step as `bench.random` has it, while the platform goes wrong as planned; then, with nothing going
 * wrong any more, a burst on every channel. Each transaction ends once; one that succeeds has done what it should, to the byte, when its
 * client hears of it; and nothing waits for ever.
 */
export class Schedule {
  readonly #bench: Bench;
  readonly #platform: ScheduledPlatform;
  readonly #log: string[] | null;
  readonly #clients: Client[] = [];
  #removal: Promise<void> | null = null;
  #calm = false;

  /** @param log - gets a line for each step, if there is one. */
  constructor(bench: Bench, platform: ScheduledPlatform, log: string[] | null) {
    this.#bench = bench;
    this.#platform = platform;
    this.#log = log;
  }

  async run(): Promise<void> {
    const { random } = this.#bench;
    this.#requestChannels();
    const steps = random.int(4, 16);
    for (let step = 0; step < steps && !this.#leaves(); step++) {
      await this.#step(random.pick(this.#clients));
    }
    for (const client of this.#clients) await this.#waitForAll(client);
    if (!this.#leaves()) {
      this.#platform.faults.clear();
      // What has gone wrong between transactions, the next one finds.
      for (const client of this.#clients) await this.#burst(client, 1);
      this.#calm = true;
      this.#log?.push("from here on all goes well");
      for (const client of this.#clients) await this.#burst(client, BURST);
    }
    await null;
    for (const { chan, open } of this.#clients) {
      for (const { job } of open) this.#bench.problem(`${job}: has not ended although its device has gone`);
      this.#bench.release(chan);
    }
    await this.#removal;
  }

  /** Up to three channels, on whichever devices, each with all that its device can do. */
  #requestChannels(): void {
    const { random } = this.#bench;
    const devices = this.#bench.devices.filter((device) => this.#bench.exercisesOf(device).length > 0);
    if (devices.length === 0) this.#bench.skip("there is no operation to make a schedule of");
    for (let n = random.int(1, 3); n > 0; n--) {
      const device = random.pick(devices);
      if (this.#clients.filter(({ chan }) => chan.device === device).length === channelsOf(device)) continue;
      const exercises = this.#bench.exercisesOf(device);
      const chan = this.#bench.request(device, ...exercises.map(({ definition }) => definition.name));
      this.#clients.push({ chan, exercises, open: [], canPause: true });
    }
  }

  async #step(client: Client): Promise<void> {
    const { random } = this.#bench;
    const { chan, open } = client;
    const dice = random.int(0, 99);
    if (dice < 55) {
      for (let n = random.pick([1, 1, 1, 2, 8]); n > 0; n--)
        await this.#submit(client, this.#anyTrial(client));
    } else if (dice < 70) {
      this.#note(client, "issuePending");
      chan.issuePending();
    } else if (dice < 80) {
      const events = random.int(1, 20);
      this.#note(client, "lets time pass");
      for (let n = 0; n < events && this.#platform.clock.runNext(); n++);
      await null;
    } else if (dice < 87) {
      const looked = open[random.int(0, open.length)];
      if (looked !== undefined) this.#note(client, `polls ${looked.cookie}: ${chan.txStatus(looked.cookie)}`);
    } else if (dice < 94) {
      const awaited = open[random.int(0, open.length)];
      if (awaited !== undefined) await this.#waitFor(client, awaited);
    } else if (dice < 98) {
      await this.#pauseAndResume(client);
    } else {
      await this.#terminate(client);
    }
    if (random.int(0, 3) === 0) await null;
  }

  #anyTrial({ chan: { device }, exercises }: Client): [Exercise, Trial] {
    const { random } = this.#bench;
    const exercise = random.pick(exercises);
    const block = blockFor(device, exercise);
    const trial: Trial = {
      shape: random.pick(fewShapes(device, exercise)),
      lengthBytes: nearestLength(block, random.int(1, LONGEST_BYTES)),
      layout: random.int(0, 3) === 0 ? randomLayout(block, random) : PLAIN,
      flags: DMA_CTRL_ACK | random.pick([0, DMA_PREP_FENCE]) | random.pick([0, DMA_PREP_INTERRUPT]),
    };
    return [exercise, trial];
  }

  /** Prepares and submits a transaction. Where there is no room, the client waits for its oldest first, and then there must be. */
  async #submit(client: Client, [exercise, trial]: [Exercise, Trial]): Promise<void> {
    const { chan, open } = client;
    const { random } = this.#bench;
    for (;;) {
      if (this.#leaves()) return;
      const job = new Job(chan, exercise, trial, random);
      if (job.tx !== null) {
        this.#start(client, job, job.tx);
        return;
      }
      this.#bench.note(job.finish("undefined"));
      this.#note(client, `has no room for ${job}`);
      const oldest = open[0];
      if (oldest === undefined) {
        this.#bench.problem(`${job}: prep returned null although nothing is in flight`);
        return;
      }
      await this.#waitFor(client, oldest);
    }
  }

  #start(client: Client, job: Job, tx: NonNullable<Job["tx"]>): void {
    tx.callback = (result) => {
      this.#note(client, `hears of ${started.cookie}: ${result}`);
      if (started.ended) this.#bench.problem(`${job}: ended again, with result ${result}`);
      else this.#end(client, started, result);
    };
    const interrupts = (tx.flags & DMA_PREP_INTERRUPT) !== 0;
    const started: Open = { job, cookie: tx.submit(), interrupts, ended: false };
    client.open.push(started);
    this.#note(client, `submits ${started.cookie}: ${job}, flags ${tx.flags}`);
  }

  #end(client: Client, ended: Open, result: DmaTransResult): void {
    const { job, cookie } = ended;
    const { chan, open } = client;
    ended.ended = true;
    const at = open.indexOf(ended);
    if (at > 0) this.#bench.problem(`${job}: was called back before ${at} that were submitted before it`);
    open.splice(at, 1);
    const succeeded = result === DmaTransResult.NOERROR;
    this.#bench.note(job.finish(succeeded ? "done" : "undefined"));
    const status = chan.txStatus(cookie);
    this.#bench.equal(
      `${job}: its status after result ${result}`,
      status,
      succeeded ? DmaStatus.COMPLETE : DmaStatus.ERROR,
    );
    if (
      !succeeded &&
      (this.#calm || this.#platform.faults.struck.every(({ kind }) => HARMLESS.includes(kind)))
    ) {
      this.#bench.problem(
        `${job}: failed with result ${result}, although nothing has gone wrong that could do it harm`,
      );
    }
  }

  /** Waits as a client does: lets time pass, polling or not, and looks when nothing happens any more. One that hangs is given up. */
  async #waitFor(client: Client, awaited: Open): Promise<void> {
    const { chan } = client;
    const { clock } = this.#platform;
    const polls = this.#bench.random.int(0, 1) === 0;
    this.#note(client, `waits for ${awaited.cookie}, ${polls ? "polling" : "for its callback"}`);
    chan.issuePending();
    for (let events = 0; events < MOST_EVENTS; events++) {
      if (awaited.ended) return;
      if (polls) {
        chan.txStatus(awaited.cookie);
        if (awaited.ended) return;
      }
      if (clock.runNext()) continue;
      await null;
      if (!awaited.ended && awaited.interrupts && this.#platform.faults.struck.length === 0) {
        this.#bench.problem(
          `${awaited.job}: was to interrupt, and nothing tells its client that it has ended`,
        );
      }
      const inFlight = this.#inFlight();
      for (const each of this.#clients) each.chan.txStatus(each.open.at(-1)?.cookie ?? awaited.cookie);
      await null;
      if (awaited.ended || this.#leaves()) return;
      if (this.#inFlight() < inFlight || clock.runNext()) continue;
      await this.#giveUp(client, awaited);
      return;
    }
    this.#bench.problem(`${awaited.job}: has not ended after ${MOST_EVENTS} events`);
  }

  #inFlight(): number {
    let sum = 0;
    for (const { chan } of this.#clients) sum += chan.inFlight;
    return sum;
  }

  async #giveUp(client: Client, awaited: Open): Promise<void> {
    if (!this.#platform.faults.struck.some(({ kind }) => kind === "stuckChannel")) {
      this.#bench.problem(`${awaited.job}: hangs, although nothing was made to hang`);
    }
    await this.#terminate(client);
  }

  async #waitForAll(client: Client): Promise<void> {
    for (let last = client.open.at(-1); last !== undefined; last = client.open.at(-1)) {
      await this.#waitFor(client, last);
      if (this.#leaves()) return;
    }
  }

  async #terminate(client: Client): Promise<void> {
    const { chan, open } = client;
    this.#note(client, "terminates");
    chan.terminate();
    let stopped = false;
    void chan.synchronize().then(() => {
      stopped = true;
    });
    for (let events = 0; !stopped && events < MOST_EVENTS; events++) {
      await null;
      if (!stopped) this.#platform.clock.runNext();
    }
    if (!stopped) this.#bench.problem(`${chan.name}: synchronize() has not resolved`);
    for (const terminated of open.splice(0)) {
      const { job, cookie } = terminated;
      terminated.ended = true;
      const status = chan.txStatus(cookie);
      if (status !== DmaStatus.COMPLETE && status !== DmaStatus.ERROR) {
        this.#bench.problem(`${job}: was terminated and has ${statusInWords(status)}`);
      }
      this.#bench.note(job.finish(status === DmaStatus.COMPLETE ? "done" : "undefined"));
    }
    this.#bench.equal(`${chan.name}: transactions in flight after termination`, chan.inFlight, 0);
  }

  async #pauseAndResume(client: Client): Promise<void> {
    const { chan } = client;
    if (!client.canPause) return;
    try {
      chan.pause();
    } catch (error) {
      if (!(DmaError.isInstance(error) && error.code === "ERR_DMA_CAPABILITY")) throw error;
      client.canPause = false;
      return;
    }
    this.#note(client, "pauses, and resumes");
    for (let events = this.#bench.random.int(0, 10); events > 0 && this.#platform.clock.runNext(); events--);
    await null;
    chan.resume();
  }

  async #burst(client: Client, transactions: number): Promise<void> {
    for (let n = 0; n < transactions; n++) await this.#submit(client, this.#anyTrial(client));
    await this.#waitForAll(client);
  }

  /** Whether the device has gone. The application that notices takes its driver out, and everything in flight ends. */
  #leaves(): boolean {
    if (this.#removal !== null) return true;
    if (!this.#platform.faults.struck.some(({ kind }) => kind === "unplug")) return false;
    this.#log?.push("the application takes the driver out");
    this.#removal = this.#bench.remove();
    return true;
  }

  #note({ chan }: Client, what: string): void {
    this.#log?.push(`${chan.name} ${what}`);
  }
}

function channelsOf(device: DmaDevice): number {
  return Object.keys(device.stats().channels).length;
}
