import { Random } from "@dmaengine/conformance";
import { type DmaDriver, DmaEngine } from "@dmaengine/core";
import {
  type ArrayMember,
  Geometry,
  layoutName,
  parityDisks,
  RaidArray,
  RaidError,
  type RaidErrorCode,
} from "@dmaengine/raid456";
import { type Machine, randomMachine } from "./machine.js";
import { Model, type ModelWrite } from "./model.js";
import { randomSetting, type Setting } from "./setting.js";
import { type Lie, SimulatedMember } from "./simulated-member.js";

const CHUNK_BYTES = 4096;
const DATA_OFFSET_BYTES = 4096;
const SECTOR_BYTES = 512;
const MOST_REQUESTS = 5;
/** More happens in no schedule before everything that was begun has ended. */
const MOST_TURNS = 20_000;

/** Makes something in a schedule go wrong that is not in the fault model, to see that it is found out. */
export interface Sabotage {
  /** Members tell this lie now and then. */
  readonly lie?: Lie;
  /** Stands for the drivers of the machine. */
  readonly drivers?: (drivers: readonly DmaDriver[]) => readonly DmaDriver[];
}

type Outcome = Exclude<ModelWrite["outcome"], "in flight">;

/** Where an array is, in a simulated machine whose clock this schedule moves. Runs once. */
export class Schedule {
  readonly #random: Random;
  readonly #setting: Setting;
  readonly #machine: Machine;
  readonly #geometry: Geometry;
  readonly #model = new Model();
  readonly #engine: DmaEngine;
  readonly #sabotage: Sabotage;
  readonly #log: string[] | null;
  readonly #problems: string[] = [];
  readonly #disks: SimulatedMember[] = [];
  readonly #registered = new Set<DmaDriver>();
  /** Slots whose device has been given a fault since it came. */
  readonly #faulty = new Set<number>();
  readonly #requests = new Set<Promise<void>>();
  #array!: RaidArray;
  #wholeArray: Promise<void> | null = null;
  #discarding = false;
  #devices = 0;
  #gone = 0;

  /**
   * @param seed - decides everything
   * @param log - gets a line for each step, if there is one
   */
  constructor(seed: number, log: string[] | null = null, sabotage: Sabotage = {}) {
    this.#random = new Random(seed);
    this.#log = log;
    this.#sabotage = sabotage;
    this.#setting = randomSetting(this.#random);
    this.#machine = randomMachine(this.#random);
    const { level, layout, raidDisks, stripes } = this.#setting;
    const memberBytes = CHUNK_BYTES * stripes;
    this.#geometry = new Geometry({ level, layout, raidDisks, chunkBytes: CHUNK_BYTES, memberBytes });
    this.#engine = new DmaEngine({
      checker: true,
      // Real time has no say in a schedule.
      syncWaitMillis: Number.POSITIVE_INFINITY,
      onUncaught: (error) => this.#problem("uncaught", error),
    });
  }

  /** What the seed has decided, in words. */
  describe(): string {
    const { level, layout, raidDisks, stripes, cacheStripes, memberFaults, mostImpaired } = this.#setting;
    const { name, drivers, faultKinds, platform } = this.#machine;
    const coherence = typeof platform.coherence === "string" ? platform.coherence : "non-coherent";
    return [
      `RAID-${level} ${layoutName(level, layout)}, ${raidDisks} members of ${stripes} chunks, ${cacheStripes} stripes in the cache`,
      `${name} (${coherence}${platform.iommu === null ? "" : ", IOMMU"}), drivers: ${drivers.map((driver) => driver.name).join(", ") || "none"}`,
      `engine faults: ${faultKinds.join(", ") || "none"}; member faults: ${memberFaults.join(", ") || "none"}, in ${mostImpaired} members at a time`,
    ].join("\n");
  }

  /** What went wrong: nothing, unless there is a bug. */
  async run(): Promise<readonly string[]> {
    const { lie } = this.#sabotage;
    const drivers = this.#sabotage.drivers?.(this.#machine.drivers) ?? this.#machine.drivers;
    for (const driver of drivers) await this.#register(driver);
    this.#array = this.#open();
    for (let step = 0; step < this.#setting.steps && this.#problems.length === 0; step++) {
      if (lie !== undefined) this.#anyDisk().lieOnce(lie);
      this.#step(drivers);
      await this.#letTimePass(this.#random.pick([0, 1, 3, 10, 40]));
    }
    await this.#quiesce();
    if (this.#problems.length === 0) await this.#recover();
    if (this.#problems.length === 0) await this.#leave();
    return this.#problems;
  }

  #open(): RaidArray {
    const { level, layout, raidDisks, cacheStripes, cpuBelowBytes } = this.#setting;
    const missing = this.#random.int(0, 3) === 0 ? this.#random.int(0, raidDisks - 1) : -1;
    for (let slot = 0; slot < raidDisks; slot++) this.#disks.push(this.#newDisk(0));
    return new RaidArray({
      level,
      layout,
      raidDisks,
      chunkBytes: CHUNK_BYTES,
      memberBytes: this.#geometry.memberBytes,
      members: this.#disks.map((device, slot) => (slot === missing ? null : toMember(device))),
      engine: this.#engine,
      cacheStripes,
      offload: { cpuBelowBytes, restAfterFailure: this.#random.pick([1, 5, 1000]) },
    });
  }

  #newDisk(filledWith: number): SimulatedMember {
    const sizeBytes = DATA_OFFSET_BYTES + this.#geometry.memberBytes;
    const name = `disk ${this.#devices++}`;
    return new SimulatedMember(name, sizeBytes, this.#machine.platform.clock, this.#random, filledWith);
  }

  /** A device that something goes wrong in at once is not taken in, and the array does without. */
  async #register(driver: DmaDriver): Promise<void> {
    try {
      await this.#engine.register(driver);
      this.#registered.add(driver);
    } catch (error) {
      if (this.#machine.platform.faults.struck.length === 0) throw error;
      this.#note(`${driver.name} is not taken in`, error);
    }
  }

  #step(drivers: readonly DmaDriver[]): void {
    this.#takeOutWhatIsGone();
    if (this.#discarding || this.#requests.size >= MOST_REQUESTS) return;
    const dice = this.#random.int(0, 99);
    if (dice < 40) this.#write();
    else if (dice < 62) this.#read();
    else if (dice < 66) this.#request("flush", [], () => this.#array.flush());
    else if (dice < 69) this.#discard();
    else if (dice < 73) this.#array.resizeCache(this.#note("resizes the cache", this.#random.int(1, 6)));
    else if (dice < 83) this.#breakMember();
    else if (dice < 86) this.#failMember();
    else if (dice < 97) this.#goThroughTheArray();
    else this.#changeEngines(drivers);
  }

  #write(): void {
    const [offset, lengthBytes] = this.#anyRange();
    const bytes = new Uint8Array(lengthBytes);
    this.#random.fill(bytes);
    const write = this.#model.write(offset, bytes);
    const aborted = this.#mayAbort();
    this.#request(
      `write of ${lengthBytes} at ${offset}`,
      aborted === null ? [] : ["ERR_RAID_ABORTED"],
      () => this.#array.write(offset, bytes, aborted === null ? {} : { signal: aborted }),
      (outcome) => {
        write.outcome = outcome;
      },
    );
  }

  #read(): void {
    const [offset, lengthBytes] = this.#anyRange();
    const into = new Uint8Array(lengthBytes);
    const seen = this.#model.read(offset);
    this.#request(
      `read of ${lengthBytes} at ${offset}`,
      [],
      () => this.#array.read(offset, into),
      (outcome) => {
        if (outcome === "done") seen(into);
      },
    );
  }

  /** Where it comes among other requests in flight is nobody's promise, so it is made alone. */
  #discard(): void {
    if (this.#requests.size > 0) return;
    this.#discarding = true;
    const { stripeDataBytes, arrayBytes } = this.#geometry;
    const [offset, lengthBytes] = this.#anyRange();
    const first = Math.ceil(offset / stripeDataBytes) * stripeDataBytes;
    const end = Math.floor((offset + lengthBytes) / stripeDataBytes) * stripeDataBytes;
    const zeros = new Uint8Array(Math.max(0, Math.min(end, arrayBytes) - first));
    const write = this.#model.write(first, zeros, "anything");
    this.#request(
      `discard of ${lengthBytes} at ${offset}`,
      [],
      async () => {
        const discarded = await this.#array.discard(offset, lengthBytes);
        if (discarded !== zeros.length)
          this.#problems.push(`discarded ${discarded} bytes, not ${zeros.length}`);
      },
      (outcome) => {
        write.outcome = outcome;
        this.#discarding = false;
      },
    );
  }

  #breakMember(): void {
    const { memberFaults } = this.#setting;
    if (memberFaults.length === 0) return;
    const slot = this.#anySlot();
    if (!this.#mayImpair(slot)) return;
    const { faults, sizeBytes } = this.#disks[slot] as SimulatedMember;
    const kind = this.#random.pick(memberFaults);
    this.#note(`${faults.name} in slot ${slot} gets a fault`, kind);
    this.#faulty.add(slot);
    const startBytes = SECTOR_BYTES * this.#random.int(0, sizeBytes / SECTOR_BYTES - 1);
    const endBytes = Math.min(sizeBytes, startBytes + SECTOR_BYTES * this.#random.pick([1, 8, 1000]));
    if (kind === "death") faults.kill();
    else if (kind === "flush error") faults.inject({ operation: "flush", count: 1 });
    else if (kind === "write error") faults.inject({ operation: "write", startBytes, endBytes, count: 1 });
    else faults.inject({ operation: "read", startBytes, endBytes, untilWritten: true });
  }

  #failMember(): void {
    const slot = this.#anySlot();
    if (!this.#mayImpair(slot)) return;
    this.#request(`failing of slot ${slot}`, ["ERR_RAID_STATE"], () => this.#array.fail(slot));
    this.#faulty.add(slot);
  }

  /** One of the operations that go through the whole array; there is one at a time. */
  #goThroughTheArray(): void {
    if (this.#wholeArray !== null || this.#array.stopped) return;
    const { degraded } = this.#array;
    const slot = this.#anySlot();
    const what =
      degraded.length > 0
        ? this.#random.pick(["rebuild", "rebuild", "check"] as const)
        : this.#random.pick(["check", "repair", "replace"] as const);
    const aborted = this.#mayAbort();
    const options = aborted === null ? {} : { signal: aborted };
    const allowed: RaidErrorCode[] = [
      "ERR_RAID_STATE",
      ...(aborted === null ? [] : (["ERR_RAID_ABORTED"] as const)),
    ];
    const operations = {
      rebuild: () => this.#rebuild(degraded, options),
      replace: () => this.#replace(slot, options),
      check: async () => this.#expectMatch(await this.#array.check(options)),
      repair: async () => this.#expectMatch(await this.#array.repair("parity", options)),
    };
    const about = what === "replace" ? `replacing of slot ${slot}` : what;
    this.#wholeArray = this.#request(about, allowed, operations[what]);
  }

  /** Puts a new device into each slot that has none, and fills them. */
  async #rebuild(slots: readonly number[], options: { readonly signal?: AbortSignal }): Promise<void> {
    for (const slot of slots) {
      try {
        const disk = this.#newDisk(0xee);
        this.#array.add(slot, toMember(disk));
        this.#disks[slot] = disk;
        this.#faulty.delete(slot);
      } catch (error) {
        // There is one that is being filled.
        if (!(RaidError.isInstance(error) && error.code === "ERR_RAID_STATE")) throw error;
      }
    }
    await this.#array.rebuild(options);
  }

  async #replace(slot: number, options: { readonly signal?: AbortSignal }): Promise<void> {
    const disk = this.#newDisk(0xee);
    await this.#array.replace(slot, toMember(disk), options);
    this.#disks[slot] = disk;
    this.#faulty.delete(slot);
  }

  #expectMatch({ mismatchSectors }: { readonly mismatchSectors: number }): void {
    if (mismatchSectors > 0) this.#problems.push(`${mismatchSectors} sectors of parity don't match`);
  }

  /** An application takes a driver out, or puts it in again. */
  #changeEngines(drivers: readonly DmaDriver[]): void {
    if (drivers.length === 0 || this.#gone > 0) return;
    const driver = this.#random.pick(drivers);
    if (this.#registered.delete(driver)) {
      this.#request(`taking ${driver.name} out`, [], () => this.#engine.unregister(driver));
    } else if (this.#requests.size === 0) {
      this.#request(`putting ${driver.name} in`, [], () => this.#register(driver));
    }
  }

  /** The application notices that a device is not there any more. */
  #takeOutWhatIsGone(): void {
    const gone = this.#machine.platform.faults.struck.filter(({ kind }) => kind === "unplug");
    for (const { unit } of gone.slice(this.#gone)) {
      for (const driver of this.#registered) {
        if (!unit.startsWith(driver.name)) continue;
        this.#registered.delete(driver);
        this.#request(`removing ${driver.name}, which was unplugged`, [], () => this.#engine.remove(driver));
      }
    }
    this.#gone = gone.length;
  }

  /** Begins something; where it may be refused, `allowed` says with which codes. One member too many makes everything refusable. */
  #request(
    what: string,
    allowed: readonly RaidErrorCode[],
    begin: () => Promise<void>,
    end: (outcome: Outcome) => void = () => {},
  ): Promise<void> {
    this.#note("begins", what);
    const running: Promise<void> = begin()
      .then(
        () => {
          this.#note("done", what);
          end("done");
        },
        (error: unknown) => {
          this.#note("refused", `${what}: ${error}`);
          end("refused");
          if (!this.#isAllowed(error, allowed)) this.#problem(what, error);
        },
      )
      .then(() => {
        this.#requests.delete(running);
        if (this.#wholeArray === running) this.#wholeArray = null;
      });
    this.#requests.add(running);
    return running;
  }

  #isAllowed(error: unknown, allowed: readonly RaidErrorCode[]): boolean {
    if (!RaidError.isInstance(error)) return false;
    if (allowed.includes(error.code)) return true;
    return this.#setting.mostImpaired > parityDisks(this.#setting.level) && error.code === "ERR_RAID_FAILED";
  }

  /** Lets so many events happen, and whatever follows from each. */
  async #letTimePass(events: number): Promise<void> {
    for (let n = 0; n < events; n++) {
      await turn();
      this.#machine.platform.clock.runNext();
      this.#takeOutWhatIsGone();
    }
  }

  /** Waits until everything that was begun has ended, and looks at what was read. */
  async #quiesce(): Promise<void> {
    let turns = 0;
    for (; this.#requests.size > 0 && turns < MOST_TURNS; turns++) await this.#letTimePass(1);
    if (this.#requests.size > 0)
      this.#problems.push(`${this.#requests.size} operations have not ended after ${turns} turns`);
    else this.#problems.push(...this.#model.problems());
  }

  /** Nothing goes wrong any more, so everything has to become right again. */
  async #recover(): Promise<void> {
    this.#note("from here on all goes well", "");
    this.#machine.platform.faults.clear();
    for (const disk of this.#disks) disk.faults.heal();
    if (!this.#array.stopped) {
      const { degraded } = this.#array;
      if (degraded.length > 0) this.#request("rebuild", [], () => this.#rebuild(degraded, {}));
      await this.#quiesce();
      this.#request("check", [], async () => this.#expectMatch(await this.#array.check()));
    }
    const into = new Uint8Array(this.#geometry.arrayBytes);
    const seen = this.#model.read(0);
    // A stopped array has lost what neither its members nor parity hold; it says so, or it tells the truth.
    const allowed: RaidErrorCode[] = this.#array.stopped ? ["ERR_RAID_FAILED"] : [];
    this.#request(
      "reading everything",
      allowed,
      () => this.#array.read(0, into),
      (outcome) => {
        if (outcome === "done") seen(into);
      },
    );
    await this.#quiesce();
  }

  /** Gives everything back, and finds out whether something is left. */
  async #leave(): Promise<void> {
    this.#array.close();
    for (const driver of this.#registered) {
      this.#request(`taking ${driver.name} out`, [], () => this.#engine.unregister(driver));
      await this.#quiesce();
    }
  }

  #anyRange(): [offset: number, lengthBytes: number] {
    const { arrayBytes, stripeDataBytes, chunkBytes } = this.#geometry;
    const unit = this.#random.pick([1, SECTOR_BYTES, SECTOR_BYTES, chunkBytes, stripeDataBytes]);
    const units = Math.floor(arrayBytes / unit);
    const most = unit === 1 ? 5000 : unit === SECTOR_BYTES ? 24 : units;
    const first = this.#random.int(0, units - 1);
    const count = this.#random.int(1, Math.min(most, units - first));
    return [first * unit, count * unit];
  }

  #anyDisk(): SimulatedMember {
    return this.#disks[this.#anySlot()] as SimulatedMember;
  }

  #anySlot(): number {
    return this.#random.int(0, this.#setting.raidDisks - 1);
  }

  /** Whether this slot, too, may be missing or faulty. */
  #mayImpair(slot: number): boolean {
    return new Set([...this.#array.degraded, ...this.#faulty, slot]).size <= this.#setting.mostImpaired;
  }

  /** A signal that aborts at some time, or null. */
  #mayAbort(): AbortSignal | null {
    if (this.#random.int(0, 9) > 0) return null;
    const controller = new AbortController();
    let turns = this.#random.int(0, 30);
    const count = (): void => {
      if (turns-- > 0) setImmediate(count);
      else controller.abort();
    };
    count();
    return controller.signal;
  }

  #note<T>(what: string, about: T): T {
    this.#log?.push(
      `${this.#machine.platform.clock.nowNanos} ns: ${what}${about === "" ? "" : `: ${about}`}`,
    );
    return about;
  }

  #problem(what: string, error: unknown): void {
    let text = `${what}: ${error instanceof Error ? (error.stack ?? error.message) : error}`;
    for (let at = error; at instanceof Error && at.cause !== undefined; at = at.cause)
      text += `\nbecause of ${at.cause instanceof Error ? at.cause.stack : at.cause}`;
    this.#problems.push(text);
  }
}

function toMember(device: SimulatedMember): ArrayMember {
  return { device, dataOffsetBytes: DATA_OFFSET_BYTES };
}

/** Resolves when everything else that is due in this turn of the event loop has run. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
