import type { DmaChan } from "../chan.js";
import type { DmaTxDescriptor } from "../descriptor.js";
import type { DmaDevice } from "../device.js";
import type { ChannelQuery, DmaEngine } from "../engine.js";
import { DmaError } from "../errors.js";
import type { BlockLimits, DmaOperation } from "../operations/operation.js";
import { type Candidate, leastLoaded, type SelectionPolicy } from "./policy.js";

/** How long a channel that failed is passed over: a number of operations of the pool, or a time by a clock. */
export type PoolRest =
  | { readonly operations: number }
  | { readonly nanos: number; readonly now: () => number };

/** Options of a pool, beside which channels it shares. */
export interface OffloadPoolOptions extends ChannelQuery {
  /** How to choose among channels that can do an operation. Default: {@link leastLoaded}. */
  readonly policy?: SelectionPolicy;
  /** Operations below this size go to this device, the software engine as a rule, as long as it can do them. Default: none do. */
  readonly small?: { readonly belowBytes: number; readonly device: string };
  /** Default: 1000 operations. */
  readonly restAfterFailure?: PoolRest;
}

/** What is to be done, as far as choosing a channel needs to know. */
export interface PoolRequest<Op extends DmaOperation> {
  /** The operation, of those that the pool was made for. */
  readonly operation: Op;
  readonly lengthBytes: number;
  /** Whether a channel can do it, beyond the length: enough sources, for example. Default: it can. */
  readonly fits?: (chan: DmaChan<Op>) => boolean;
  /** Whether it writes what it reads. After a failure such an operation can't be repeated, so `run` rejects. Default false. */
  readonly inPlace?: boolean;
}

/** Whether a channel would take an operation, and why, or why not. */
export interface PoolVerdict {
  readonly channel: string;
  readonly device: string;
  readonly takes: boolean;
  readonly why: string;
}

/** Counters of one channel of a pool. */
export interface PoolChannelStats {
  /** Operations that it was given. */
  readonly taken: number;
  /** Those of them that failed. */
  readonly failed: number;
}

/** How an attempt failed. */
interface Failure {
  readonly error: unknown;
  /** Whether the transfer may have written something. */
  readonly started: boolean;
}

/** One channel of a pool. */
class Member<Op extends DmaOperation> implements Candidate {
  readonly chan: DmaChan<Op>;
  readonly name: string;
  taken = 0;
  failed = 0;
  /** Operations of the pool that it has not finished. */
  running = 0;
  /** When it may be used again: a count of operations, or a time. Null if it did not fail lately. */
  restsUntil: number | null = null;
  /** Its device is going or gone. */
  leaving = false;

  constructor(chan: DmaChan<Op>) {
    this.chan = chan;
    this.name = chan.name;
  }

  get inFlight(): number {
    return this.chan.inFlight;
  }
}

/**
 * All public channels that can do a set of operations, the software engine's among them, and the choice between them. A client asks for a
 * channel with {@link pick} and goes on by itself, or hands {@link run} a function that maps and prepares for a given channel.
 *
 * The pool never maps: a channel's memory is mapped with its device, and where the next channel has another domain, that means another
 * mapping, which only the client can make.
 */
export class OffloadPool<Op extends DmaOperation> {
  readonly #engine: DmaEngine;
  readonly #operations: readonly Op[];
  readonly #query: ChannelQuery;
  readonly #policy: SelectionPolicy;
  readonly #small: OffloadPoolOptions["small"];
  readonly #rest: PoolRest;
  readonly #members: Member<Op>[] = [];
  readonly #unsubscribe: () => void;
  /** Operations given out so far. */
  #count = 0;
  #released = false;

  /** Takes a share of every channel that there is, and of those that come. */
  constructor(engine: DmaEngine, operations: readonly Op[], options: OffloadPoolOptions = {}) {
    const { policy, small, restAfterFailure, ...query } = options;
    this.#engine = engine;
    this.#operations = operations;
    this.#query = query;
    this.#policy = policy ?? leastLoaded();
    this.#small = small;
    this.#rest = restAfterFailure ?? { operations: 1000 };
    this.#share(() => true);
    this.#unsubscribe = engine.onDeviceChange(({ type, device }) => {
      if (type === "available") this.#share((candidate) => candidate === device);
      else this.#leave((member) => member.chan.device === device);
    });
  }

  /**
   * The channel that is to do an operation. Throws `ERR_DMA_NO_CHANNEL`, saying why each one was passed over, when none can.
   * Failures of operations that are prepared by hand are not remembered; see {@link run}.
   */
  pick(request: PoolRequest<Op>): DmaChan<Op> {
    const member = this.#choose(request, NOBODY);
    this.#take(member, request);
    return member.chan;
  }

  /**
   * Does an operation: chooses a channel, calls `prepare` with it, submits, starts and awaits what that returns. When the transfer fails
   * or the device is removed, the channel rests, and the next capable one takes the operation: `prepare` is called again, with that one.
   * When all channels are full, it waits.
   *
   * `prepare` maps with `chan.device`, attaches an unmap record and returns the prepared descriptor, not submitted; or null after it has
   * taken everything back, when the prep call answered null. The descriptor's memory is unmapped before `prepare` is called again.
   *
   * Rejects with what `prepare` throws; with the last failure, `ERR_DMA_TRANSFER`, when every capable channel has failed; with
   * `ERR_DMA_NO_CHANNEL` when there was none.
   */
  async run(request: PoolRequest<Op>, prepare: (chan: DmaChan<Op>) => DmaTxDescriptor | null): Promise<void> {
    const failed = new Set<Member<Op>>();
    const full = new Set<Member<Op>>();
    let failure: Failure | null = null;
    for (;;) {
      const member = this.#chooseOrNull(request, new Set([...failed, ...full]));
      if (member === null && full.size > 0) {
        full.clear();
        await aTurn();
      } else if (member === null) {
        throw failure === null ? this.#none(request) : failure.error;
      } else {
        const outcome = await this.#attempt(member, request, prepare);
        if (outcome === "done") return;
        if (outcome === "full") full.add(member);
        else {
          failed.add(member);
          failure = outcome;
          if (request.inPlace === true && failure.started) throw failure.error;
        }
      }
    }
  }

  /** Which channel would take an operation now, and why not each of the others. */
  explain(request: PoolRequest<Op>): PoolVerdict[] {
    const chosen = this.#chooseOrNull(request, NOBODY);
    return this.#members.map((member) => ({
      channel: member.name,
      device: member.chan.device.name,
      takes: member === chosen,
      why: member === chosen ? this.#whyTaken(member, request) : this.#whyNot(member, chosen, request),
    }));
  }

  /** Counters by channel. */
  stats(): Readonly<Record<string, PoolChannelStats>> {
    return Object.fromEntries(this.#members.map(({ name, taken, failed }) => [name, { taken, failed }]));
  }

  /** Gives every channel up; those with operations of {@link run} when these have ended. */
  release(): void {
    this.#released = true;
    this.#unsubscribe();
    this.#leave(() => true);
  }

  async #attempt(
    member: Member<Op>,
    request: PoolRequest<Op>,
    prepare: (chan: DmaChan<Op>) => DmaTxDescriptor | null,
  ): Promise<"done" | "full" | Failure> {
    member.running += 1;
    try {
      let tx: DmaTxDescriptor | null;
      try {
        tx = prepare(member.chan);
      } catch (error) {
        if (!isRemoval(error)) throw error;
        return { error, started: false };
      }
      if (tx === null) return "full";
      this.#take(member, request);
      const startedAt = this.#policy.now?.() ?? 0;
      const { done } = tx;
      tx.submit();
      member.chan.issuePending();
      try {
        await done;
      } catch (error) {
        this.#failed(member);
        return { error, started: true };
      }
      this.#policy.ended?.(member, request.lengthBytes, (this.#policy.now?.() ?? 0) - startedAt);
      return "done";
    } finally {
      member.running -= 1;
      if (member.leaving) this.#leave((leaving) => leaving === member);
    }
  }

  #take(member: Member<Op>, request: PoolRequest<Op>): void {
    this.#count += 1;
    member.taken += 1;
    this.#policy.taken?.(member, request.lengthBytes);
  }

  #failed(member: Member<Op>): void {
    member.failed += 1;
    const rest = this.#rest;
    member.restsUntil = "operations" in rest ? this.#count + rest.operations : rest.now() + rest.nanos;
  }

  #isResting(member: Member<Op>): boolean {
    if (member.restsUntil === null) return false;
    const rest = this.#rest;
    return ("operations" in rest ? this.#count : rest.now()) < member.restsUntil;
  }

  #choose(request: PoolRequest<Op>, excluded: ReadonlySet<Member<Op>>): Member<Op> {
    const member = this.#chooseOrNull(request, excluded);
    if (member === null) throw this.#none(request);
    return member;
  }

  #chooseOrNull(request: PoolRequest<Op>, excluded: ReadonlySet<Member<Op>>): Member<Op> | null {
    const able = this.#members.filter(
      (member) => !excluded.has(member) && this.#unable(member, request) === null,
    );
    const rested = able.filter((member) => !this.#isResting(member));
    // One that failed lately is better than none.
    const candidates = rested.length > 0 ? rested : able;
    if (candidates.length === 0) return null;
    const small = candidates.filter((member) => this.#isForSmall(member, request));
    return this.#policy.choose(small.length > 0 ? small : candidates, request.lengthBytes);
  }

  #isForSmall(member: Member<Op>, { lengthBytes }: PoolRequest<Op>): boolean {
    const small = this.#small;
    return small !== undefined && lengthBytes < small.belowBytes && member.chan.device.name === small.device;
  }

  /** Why a channel can't do an operation, or null if it can. */
  #unable({ chan, leaving }: Member<Op>, { operation, lengthBytes, fits }: PoolRequest<Op>): string | null {
    if (leaving) return "its device is going";
    const limits = chan.limits[operation] as BlockLimits;
    const { minLengthBytes = 1, maxLengthBytes = Number.POSITIVE_INFINITY, alignBytes = 1 } = limits;
    if (lengthBytes < minLengthBytes) return `it does ${minLengthBytes} bytes or more`;
    if (lengthBytes > maxLengthBytes) return `it does ${maxLengthBytes} bytes or less`;
    if (lengthBytes % alignBytes !== 0) return `it does multiples of ${alignBytes} bytes`;
    return fits === undefined || fits(chan) ? null : "it does not fit the request";
  }

  #whyTaken(member: Member<Op>, request: PoolRequest<Op>): string {
    if (this.#isForSmall(member, request)) {
      return `takes it: ${request.lengthBytes} bytes are less than ${this.#small?.belowBytes}`;
    }
    return `takes it: ${this.#policy.name}${this.#isResting(member) ? ", although it failed lately" : ""}`;
  }

  #whyNot(member: Member<Op>, chosen: Member<Op> | null, request: PoolRequest<Op>): string {
    const unable = this.#unable(member, request);
    if (unable !== null) return unable;
    if (this.#isResting(member) && chosen !== null && !this.#isResting(chosen)) {
      const until = member.restsUntil as number;
      const rest = this.#rest;
      return "operations" in rest
        ? `it failed, and rests for ${until - this.#count} operations more`
        : `it failed, and rests for ${until - rest.now()} ns more`;
    }
    if (chosen !== null && this.#isForSmall(chosen, request)) {
      return `${request.lengthBytes} bytes are less than ${this.#small?.belowBytes}`;
    }
    return `${this.#policy.name} prefers ${chosen?.name}`;
  }

  #none(request: PoolRequest<Op>): DmaError {
    if (this.#released) {
      return new DmaError("ERR_DMA_STATE", "this pool has released its channels and is used again");
    }
    const why = this.#members.map((member) => `${member.name}: ${this.#unable(member, request)}`);
    return new DmaError(
      "ERR_DMA_NO_CHANNEL",
      `no channel for ${request.operation} of ${request.lengthBytes} bytes: ` +
        (why.length > 0 ? why.join("; ") : `no public channel has ${this.#operations.join(", ")}`),
    );
  }

  #share(wanted: (device: DmaDevice) => boolean): void {
    const { filter = () => true } = this.#query;
    const query = { ...this.#query, filter: (device: DmaDevice) => wanted(device) && filter(device) };
    for (const chan of this.#engine.findChannels(this.#operations, query))
      this.#members.push(new Member(chan));
  }

  /** Lets members go, or notes that they are to go when they have finished. */
  #leave(which: (member: Member<Op>) => boolean): void {
    for (const member of this.#members.filter(which)) {
      member.leaving = true;
      if (member.running > 0) continue;
      this.#members.splice(this.#members.indexOf(member), 1);
      member.chan.release();
    }
  }
}

const NOBODY: ReadonlySet<never> = new Set<never>();

function isRemoval(error: unknown): boolean {
  return DmaError.isInstance(error) && error.code === "ERR_DMA_REMOVED";
}

/** Lets other work happen, so that a full channel gets room. */
function aTurn(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve);
  });
}
