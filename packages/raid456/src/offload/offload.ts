import { type DmaDevice, type DmaEngine, leastLoaded, type SelectionPolicy } from "@dmaengine/core";
import { RaidError } from "../errors.js";
import type { Geometry } from "../geometry.js";
import { RAID_OPERATIONS } from "./ability.js";
import { Batch, type ChainWork, type FailedWorks } from "./batch.js";
import { ChainRun } from "./chain-run.js";
import { CpuWork } from "./cpu-work.js";
import { EngineChannel } from "./engine-channel.js";
import { PageMemory, sharesMappings } from "./page-memory.js";
import { firstPage, lengthOf, type PageOp } from "./page-op.js";
import { type DevicePlan, explainPlan, makePlan, type OffloadPlan, type Scenario } from "./plan.js";
import { ScratchPages } from "./scratch-pages.js";
import type { RaidChan } from "./transactions.js";
import { TurnBudget } from "./turn-budget.js";

/** How an array uses engines. */
export interface OffloadOptions {
  /** Chooses among the channels that can do the work equally well. Default: {@link leastLoaded}. */
  readonly policy?: SelectionPolicy;
  /** Operations on fewer bytes of each page than this are the CPU's. Default 0: none. */
  readonly cpuBelowBytes?: number;
  /** How many chains of operations are carried out before a channel that has failed is used again, 1 at least. Default 1000. */
  readonly restAfterFailure?: number;
  /** Hears of every page operation that the CPU does itself, and how many bytes it reads and writes for it. */
  readonly onCpuWork?: (op: PageOp["op"], bytes: number) => void;
}

/** What one channel did for an array. */
export interface OffloadChannelStats {
  readonly device: string;
  /** Parts of chains that it was given. */
  readonly legs: number;
  /** Page operations in them. */
  readonly operations: number;
  /** Legs that failed, those included that only stood behind a failure. */
  readonly failures: number;
}

/** What engines and the CPU did for an array. */
export interface OffloadStats {
  /** As the plan is now. */
  readonly scenario: Scenario;
  /** Chains of page operations that were carried out. */
  readonly chains: number;
  /** How often a chain went on on another channel. */
  readonly channelSwitches: number;
  /** How often a chain went on with the CPU after an engine, or with an engine after the CPU. */
  readonly cpuSwitches: number;
  /** Mappings of stripe pages that were made because an engine could not use the one that there was. */
  readonly remaps: number;
  readonly cpu: { readonly operations: number; readonly bytes: number };
  /** By the channel's name; of the channels that are in use now. */
  readonly channels: Readonly<Record<string, OffloadChannelStats>>;
}

const DEFAULT_REST = 1000;

/**
 * Who carries out page operations: engines as far as the plan has found any that can, else the CPU.
 *
 * A chain is cut into legs, each of which one channel or the CPU does; a leg begins when the one before it was seen to be complete. In scenario 1 a
 * chain is one leg. When an engine fails, the chain is not repaired but given up: it has failed, the channel rests, and whoever does the work
 * of that stripe does it again, with the next engine that can, or the CPU.
 */
export class Offload {
  /** Where stripe pages get their memory from. */
  readonly pageMemory = new PageMemory();
  /**
   * Called when a device is going: has to end the mappings of all stripe pages that were made with it, each while nobody uses its stripe. The device's
   * channels are given up when that has resolved.
   */
  onDeviceGone: (device: DmaDevice) => Promise<void> = async () => {};
  readonly #engine: DmaEngine | null;
  readonly #geometry: Geometry;
  readonly #pageBytes: number;
  readonly #policy: SelectionPolicy;
  readonly #cpuBelowBytes: number;
  readonly #restAfterFailure: number;
  readonly #cpu: CpuWork;
  readonly #scratch: ScratchPages;
  readonly #turn = new TurnBudget();
  readonly #unsubscribe: () => void;
  #plan!: DevicePlan;
  /** The channels that the plan uses. */
  #channels: EngineChannel[] = [];
  /** Devices that hang. Nobody relies on them again. */
  readonly #lost = new Set<DmaDevice>();
  /** All that were ever needed at a time, and those of them that are idle. */
  readonly #runs: ChainRun[] = [];
  readonly #idleRuns: ChainRun[] = [];
  #chains = 0;
  #channelSwitches = 0;
  #cpuSwitches = 0;

  /**
   * Throws `ERR_RAID_RANGE` for an option out of its range.
   *
   * @param pageBytes - length of a stripe's pages
   */
  constructor(engine: DmaEngine | null, geometry: Geometry, pageBytes: number, options: OffloadOptions = {}) {
    this.#engine = engine;
    this.#geometry = geometry;
    this.#pageBytes = pageBytes;
    this.#policy = options.policy ?? leastLoaded();
    this.#cpuBelowBytes = atLeast(0, options.cpuBelowBytes ?? 0, "offload.cpuBelowBytes");
    this.#restAfterFailure = atLeast(1, options.restAfterFailure ?? DEFAULT_REST, "offload.restAfterFailure");
    this.#cpu = new CpuWork(options.onCpuWork);
    this.#scratch = new ScratchPages(this.pageMemory, pageBytes);
    this.#replan();
    this.#unsubscribe = engine?.onDeviceChange(() => this.#replan()) ?? (() => {});
  }

  get scenario(): Scenario {
    return this.#plan.scenario;
  }

  /** The plan as data. */
  get plan(): OffloadPlan {
    const { scenario, works, notUsed } = this.#plan;
    return { scenario, works, notUsed };
  }

  /** The plan in words, a sentence a line, and what has gone wrong since it was made. */
  explain(): readonly string[] {
    const failed = this.#channels.filter(({ failures }) => failures > 0);
    return [
      ...explainPlan(this.#plan, this.#geometry),
      ...failed.map((channel) => {
        const state = this.#isResting(channel)
          ? `is not used until ${channel.restsUntil - this.#chains + 1} more chains are done`
          : "is used again";
        return `${channel.device.name} (${channel.name}) has failed ${channel.failures} times and ${state}.`;
      }),
      ...[...this.#lost].map((device) => `${device.name} is not used: it hangs.`),
    ];
  }

  /** Counters. A copy. */
  stats(): OffloadStats {
    return {
      scenario: this.#plan.scenario,
      chains: this.#chains,
      channelSwitches: this.#channelSwitches,
      cpuSwitches: this.#cpuSwitches,
      remaps: this.pageMemory.remaps,
      cpu: { operations: this.#cpu.operations, bytes: this.#cpu.bytes },
      channels: Object.fromEntries(
        this.#channels.map(({ name, device, legs, operations, failures }) => [
          name,
          { device: device.name, legs, operations, failures },
        ]),
      ),
    };
  }

  /**
   * Carries chains out, each in order; those that are handed in together are batched. Resolves when the last operation of all of them is complete, to
   * those that failed: a page may be in one chain at a time, so the others are not touched by that.
   *
   * A chain fails with `ERR_RAID_ENGINE` when an engine failed. Pages that the chain writes are undefined then, nothing is in flight on any page of it,
   * and what failed is passed over for a while: do the whole task again.
   *
   * @param cpuOnly - leave it to the CPU, which does not fail
   */
  run<Work extends ChainWork>(works: readonly Work[], cpuOnly = false): Promise<FailedWorks<Work>> {
    const batch = new Batch(works.length);
    this.#turn.run(() => {
      for (let i = 0; i < works.length; i++) {
        this.#chains += 1;
        this.#start(works[i] as Work, batch, cpuOnly);
      }
    });
    return batch.ended as Promise<FailedWorks<Work>>;
  }

  /** Gives up what the offload holds. Nothing may be in flight, and no stripe page mapped. */
  close(): void {
    this.#unsubscribe();
    this.#scratch.free();
    for (const channel of this.#channels) channel.release();
    this.#channels = [];
  }

  /** The chain is made only now: if that fails, there is nobody to throw to any more. */
  #start(work: ChainWork, batch: Batch, cpuOnly: boolean): void {
    const run = this.#idleRuns.pop() ?? this.#newRun();
    try {
      run.begin(work, batch, cpuOnly);
    } catch (failure) {
      this.#idleRuns.push(run);
      batch.fail(work, failure);
      return;
    }
    this.#goOn(run);
  }

  #newRun(): ChainRun {
    const run = new ChainRun(this.#scratch, (failure) => this.#legEnded(run, failure));
    this.#runs.push(run);
    return run;
  }

  /** Goes on with a chain, until an engine has to be waited for. */
  #goOn(run: ChainRun): void {
    const { chain } = run;
    try {
      while (run.at < chain.length) {
        const channel = run.cpuOnly ? null : this.#choose(chain, run.at);
        if (run.at > 0 && channel !== run.channel) {
          if (channel === null || run.channel === null) this.#cpuSwitches += 1;
          else this.#channelSwitches += 1;
        }
        run.channel = channel;
        if (channel !== null) {
          this.#startLeg(run, channel);
          return;
        }
        const op = chain[run.at] as PageOp;
        this.#cpu.do(op);
        this.#turn.spend(lengthOf(op));
        run.at += 1;
      }
    } catch (failure) {
      this.#end(run, failure);
      return;
    }
    this.#end(run, null);
  }

  #end(run: ChainRun, failure: unknown): void {
    run.end(failure);
    this.#idleRuns.push(run);
  }

  /** Who is to do the operation at `from`: the channel that can go on with the chain farthest, or null, the CPU. */
  #choose(chain: readonly PageOp[], from: number): EngineChannel | null {
    const op = chain[from] as PageOp;
    const lengthBytes = lengthOf(op);
    if (lengthBytes < this.#cpuBelowBytes) return null;
    let choice: EngineChannel | null = null;
    let candidates: EngineChannel[] | null = null;
    let best = 0;
    const channels = this.#channels;
    for (let i = 0; i < channels.length; i++) {
      const channel = channels[i] as EngineChannel;
      if (this.#isResting(channel)) continue;
      const reach = channel.reach(chain, from);
      if (reach === 0) continue;
      // Among those that come equally far, those that can use the mappings that pages have at home, or have at the moment.
      const rank = 4 * reach + (channel.isNear ? 2 : 0) + (isMappedFor(op, channel) ? 1 : 0);
      if (choice === null || rank > best) {
        best = rank;
        choice = channel;
        candidates = null;
      } else if (rank === best) {
        candidates ??= [choice];
        candidates.push(channel);
      }
    }
    return candidates === null ? choice : this.#policy.choose(candidates, lengthBytes);
  }

  #isResting({ failures, restsUntil }: EngineChannel): boolean {
    return failures > 0 && this.#chains <= restsUntil;
  }

  #startLeg(run: ChainRun, channel: EngineChannel): void {
    const { chain, at } = run;
    const most = at + channel.reach(chain, at);
    let to = at;
    let lengthBytes = 0;
    do {
      lengthBytes += lengthOf(chain[to] as PageOp);
      to += 1;
    } while (to < most && lengthOf(chain[to] as PageOp) >= this.#cpuBelowBytes);
    const policy = this.#policy;
    policy.taken?.(channel, lengthBytes);
    run.startLeg(channel, to, lengthBytes, policy.now?.() ?? 0);
    if (channel.inFlight === 0) this.#turn.spend(lengthBytes);
  }

  #legEnded(run: ChainRun, failure: unknown): void {
    const channel = run.channel as EngineChannel;
    if (failure !== null) {
      if (RaidError.isInstance(failure) && failure.code === "ERR_RAID_ENGINE") {
        channel.failures += 1;
        channel.restsUntil = this.#chains + this.#restAfterFailure;
      }
      this.#end(run, failure);
      return;
    }
    const policy = this.#policy;
    try {
      policy.ended?.(channel, run.lengthBytes, (policy.now?.() ?? 0) - run.startedAt);
    } catch (error) {
      this.#end(run, error);
      return;
    }
    this.#goOn(run);
  }

  /** Finds out who can do what with the devices that there are now. Takes their channels, and gives up those of the devices that have gone. */
  #replan(): void {
    const devices = this.#engine?.devices.filter((device) => !this.#lost.has(device)) ?? [];
    const before = this.#channels;
    const channels = devices.flatMap((device) => {
      const held = before.filter((channel) => channel.device === device);
      return held.length > 0 ? held : this.#take(device);
    });
    const mine = new Set(channels.map(({ device }) => device));
    const taken = new Set(devices.filter((device) => !mine.has(device)));
    const plan = makePlan(devices, this.#geometry, this.#pageBytes, taken);
    this.#plan = plan;
    this.pageMemory.home = plan.home;
    this.pageMemory.mapsAtOnce = plan.oneMapping;
    this.pageMemory.takesRequests = plan.home === null || (plan.oneMapping && takesAnyMemory(plan.home));
    this.#channels = plan.devices.flatMap((device) =>
      channels.filter((channel) => channel.device === device),
    );
    for (const channel of this.#channels) {
      channel.isNear = plan.home !== null && sharesMappings(plan.home, channel.device);
    }
    for (const channel of channels) {
      if (!before.includes(channel) && !this.#channels.includes(channel)) channel.release();
    }
    const gone = new Map<DmaDevice, EngineChannel[]>();
    for (const channel of before) {
      if (this.#channels.includes(channel)) continue;
      gone.set(channel.device, [...(gone.get(channel.device) ?? []), channel]);
    }
    for (const [device, left] of gone) void this.#leave(device, left);
  }

  #take(device: DmaDevice): EngineChannel[] {
    const operations = RAID_OPERATIONS.filter((operation) => device.has(operation));
    if (operations.length === 0) return [];
    const chans = this.#engine?.findChannels(operations, {
      client: "raid456",
      filter: (candidate) => candidate === device,
    });
    return (chans ?? []).map((chan) => {
      const channel = new EngineChannel(chan as RaidChan, this.#geometry.raidDisks);
      channel.onHang = () => {
        this.#lost.add(device);
        this.#replan();
      };
      return channel;
    });
  }

  /** Gives a device up that takes no part any more, when nothing of it is in use. */
  async #leave(device: DmaDevice, channels: readonly EngineChannel[]): Promise<void> {
    this.#scratch.unmapFrom(device);
    // Other devices' legs may work with mappings that were made with this one.
    await Promise.all(this.#runs.map((run) => run.legEnded()));
    await Promise.all(channels.map((channel) => channel.idle()));
    await this.onDeviceGone(device);
    this.#scratch.forget(device);
    for (const channel of channels) channel.release();
  }
}

/** Whether a device reaches memory of any alignment, and its domain lets the CPU see its caches. */
function takesAnyMemory({ capabilities, domain }: DmaDevice): boolean {
  return (
    (domain.coherent ?? true) &&
    RAID_OPERATIONS.every((operation) => (capabilities[operation]?.alignBytes ?? 1) === 1)
  );
}

/** Whether a channel can use the mapping that the first page of an operation has. */
function isMappedFor(op: PageOp, { device }: EngineChannel): boolean {
  const mapped = firstPage(op)?.mapping?.device ?? null;
  return mapped !== null && sharesMappings(mapped, device);
}

function atLeast(min: number, value: number, option: string): number {
  if (value >= min) return value;
  throw new RaidError("ERR_RAID_RANGE", `expected ${option} to be ${min} or more, got ${value}`);
}
