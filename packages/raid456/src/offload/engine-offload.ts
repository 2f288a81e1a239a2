import {
  DMA_CTRL_ACK,
  DMA_PREP_CONTINUE,
  DMA_PREP_FENCE,
  DMA_PREP_PQ_DISABLE_P,
  DMA_PREP_PQ_DISABLE_Q,
  type DmaAddr,
  type DmaChan,
  type DmaCookie,
  type DmaDevice,
  DmaDirection,
  DmaStatus,
  DmaTransResult,
  type DmaTxDescriptor,
  type DmaUnmapData,
  dmaMappingError,
  dmaMaxPq,
} from "@dmaengine/core";
import { RaidError } from "../errors.js";
import type { PageMapping, StripePage } from "../stripe/stripe-page.js";
import type { Offload } from "./offload.js";
import type { ByteRange, DrainOp, FillOp, PageOp, PqOp, PqValOp, XorOp, XorValOp } from "./page-op.js";

/** The operations that one device must have for RAID-4 and 5, and for RAID-6. */
export const RAID5_OPERATIONS = ["memcpy", "xor", "xorVal"] as const;
export const RAID6_OPERATIONS = [...RAID5_OPERATIONS, "pq", "pqVal"] as const;

/** A channel that does everything. On RAID-4 and 5 its PQ operations are never called and may be missing. */
export type RaidChan = DmaChan<(typeof RAID6_OPERATIONS)[number]>;

/**
 * Scenario 1, "the ioatdma case": one channel has every operation. A chain is prepared on it as a whole, the channel's order and fences
 * keep it in order, and nothing is waited for but the end of a batch. Stripe pages are mapped once, for their life. No interrupt is
 * asked for: the channel is polled once for all chains that were handed in together.
 */
export class EngineOffload implements Offload {
  readonly scenario = 1;
  readonly #chan: RaidChan;
  readonly #device: DmaDevice;
  readonly #plan: readonly string[];
  #last: DmaCookie = 0;
  #polling = false;
  /** Chains whose operations are not all complete. */
  readonly #running = new Set<Chain>();
  /** Set once the channel is beyond use. */
  #hung: RaidError | null = null;

  constructor(chan: RaidChan, plan: readonly string[]) {
    this.#chan = chan;
    this.#device = chan.device;
    this.#plan = plan;
  }

  explain(): readonly string[] {
    return this.#plan;
  }

  alloc(sizeBytes: number): Uint8Array {
    return this.#device.alloc(sizeBytes, 4096);
  }

  free(memory: Uint8Array): void {
    this.#device.free(memory);
  }

  map(memory: Uint8Array, offsetBytes: number, lengthBytes: number): PageMapping {
    return new BidirectionalMapping(this.#device, memory, offsetBytes, lengthBytes);
  }

  async run(ops: readonly PageOp[]): Promise<void> {
    const chain = new Chain();
    this.#running.add(chain);
    const steps = ops.flatMap((op, i) =>
      this.#steps(op, i < ops.length - 1 ? DMA_CTRL_ACK | DMA_PREP_FENCE : DMA_CTRL_ACK),
    );
    try {
      for (const step of steps) {
        let tx = step.prep();
        // While the channel is full: wait for what was submitted before. Otherwise a chain is handed in without a pause.
        for (; tx === null; tx = step.prep()) await this.#makeRoom();
        if (step.unmap !== undefined) tx.setUnmap(step.unmap);
        this.#queue(tx, chain);
      }
    } finally {
      for (const { unmap } of steps) unmap?.put();
      // Whatever went wrong, what was submitted still works on the pages: the chain ends when that has ended.
      chain.seal();
      await chain.ended;
      this.#running.delete(chain);
    }
    if (this.#hung !== null) throw this.#hung;
    if (chain.result === DmaTransResult.NOERROR) return;
    throw new RaidError(
      "ERR_RAID_ENGINE",
      `${this.#device.name} (${this.#chan.name}) failed an operation on a stripe`,
    );
  }

  close(): void {
    this.#chan.release();
  }

  /** The transactions that carry an operation out, in order. */
  #steps(op: PageOp, flags: number): Step[] {
    switch (op.op) {
      case "drain":
        return [this.#drain(op, flags)];
      case "fill":
        return [this.#fill(op, flags)];
      case "xor":
        return this.#xor(op, flags);
      case "pq":
        return this.#pq(op, flags);
      case "xorVal":
        return [this.#xorVal(op, flags)];
      case "pqVal":
        return [this.#pqVal(op, flags)];
    }
  }

  #drain(op: DrainOp, flags: number): Step {
    const unmap = this.#mapRequest(op.from, op.fromOffset, op.lengthBytes, DmaDirection.TO_DEVICE);
    const src = unmap.addr[0] as DmaAddr;
    const dst = addressOf(op.page) + op.pageOffset;
    return { prep: () => this.#chan.prepMemcpy(dst, src, op.lengthBytes, flags), unmap };
  }

  #fill(op: FillOp, flags: number): Step {
    const unmap = this.#mapRequest(op.into, op.intoOffset, op.lengthBytes, DmaDirection.FROM_DEVICE);
    const dst = unmap.addr[0] as DmaAddr;
    const src = addressOf(op.page) + op.pageOffset;
    return { prep: () => this.#chan.prepMemcpy(dst, src, op.lengthBytes, flags), unmap };
  }

  #xor({ dst, srcs, range }: XorOp, flags: number): Step[] {
    const { maxSources } = this.#chan.limits.xor;
    const to = addressOf(dst) + range.start;
    const from = addressesOf(srcs, range);
    const steps: Step[] = [];
    for (let done = 0; done < from.length; ) {
      // The second and later pieces add to what the first has left in the destination.
      const own = done > 0 ? [to] : [];
      const piece = [...own, ...from.slice(done, done + maxSources - own.length)];
      done += piece.length - own.length;
      const pieceFlags = done < from.length ? flags | DMA_PREP_FENCE : flags;
      steps.push({ prep: () => this.#chan.prepXor(to, piece, piece.length, lengthOf(range), pieceFlags) });
    }
    return steps;
  }

  #pq({ p, q, srcs, coefs, range, goOn }: PqOp, flags: number): Step[] {
    const outputs = disabled(p, q);
    const [toP, toQ] = outputAddresses(p, q, range);
    const from = addressesOf(srcs, range);
    const steps: Step[] = [];
    for (let done = 0; done < from.length; ) {
      const goesOn = goOn || done > 0 ? DMA_PREP_CONTINUE : 0;
      const count = Math.min(from.length - done, dmaMaxPq(this.#chan.limits.pq, outputs | goesOn));
      const piece = from.slice(done, done + count);
      const pieceCoefs = coefs.slice(done, done + count);
      done += count;
      const pieceFlags = (done < from.length ? flags | DMA_PREP_FENCE : flags) | outputs | goesOn;
      steps.push({
        prep: () => this.#chan.prepPq(toP, toQ, piece, count, pieceCoefs, lengthOf(range), pieceFlags),
      });
    }
    return steps;
  }

  #xorVal({ srcs, range, result }: XorValOp, flags: number): Step {
    const from = addressesOf(srcs, range);
    return { prep: () => this.#chan.prepXorVal(from, from.length, lengthOf(range), result, flags) };
  }

  #pqVal({ p, q, srcs, coefs, range, result }: PqValOp, flags: number): Step {
    const [toP, toQ] = outputAddresses(p, q, range);
    const from = addressesOf(srcs, range);
    const valFlags = flags | disabled(p, q);
    return {
      prep: () => this.#chan.prepPqVal(toP, toQ, from, from.length, coefs, lengthOf(range), result, valFlags),
    };
  }

  /** Maps a request's memory, in an unmap record of its own. */
  #mapRequest(
    memory: Uint8Array,
    offset: number,
    lengthBytes: number,
    direction: DmaDirection,
  ): DmaUnmapData {
    const addr = this.#device.mapPage(memory, offset, lengthBytes, direction);
    if (dmaMappingError(addr)) {
      throw new RaidError(
        "ERR_RAID_ENGINE",
        `${this.#device.name} can't reach a request's ${lengthBytes} bytes`,
      );
    }
    const unmap = this.#device.getUnmapData(1);
    unmap.addr[0] = addr;
    unmap.len = lengthBytes;
    if (direction === DmaDirection.TO_DEVICE) unmap.toCnt = 1;
    else unmap.fromCnt = 1;
    return unmap;
  }

  async #makeRoom(): Promise<void> {
    if (this.#polling) await this.#chan.syncWait(this.#last);
    // The channel is full of somebody else's transactions.
    else await new Promise((resolve) => setTimeout(resolve, 0));
    if (this.#hung !== null) throw this.#hung;
  }

  #queue(tx: DmaTxDescriptor, chain: Chain): void {
    chain.watch(tx);
    this.#last = tx.submit();
    if (this.#polling) return;
    this.#polling = true;
    // When the event loop has been round: the stripes whose member I/O ends in the same turn belong to one batch.
    nextTurn(() => void this.#pollUntilIdle());
  }

  async #pollUntilIdle(): Promise<void> {
    let polled: DmaCookie;
    let status: DmaStatus;
    do {
      polled = this.#last;
      status = await this.#chan.syncWait(polled);
    } while (polled !== this.#last);
    this.#polling = false;
    if (status === DmaStatus.ERROR && this.#chan.txStatus(polled) === DmaStatus.IN_PROGRESS) this.#giveUp();
  }

  /** The engine hangs. It may still write into the pages of its chains, so nothing is done again on them. */
  #giveUp(): void {
    this.#hung = new RaidError(
      "ERR_RAID_ENGINE",
      `${this.#device.name} (${this.#chan.name}) hangs: it has not completed a transaction for seconds`,
    );
    for (const chain of this.#running) chain.abandon();
  }
}

/** Calls `task` when everything else that is due in this turn of the event loop has run. */
const nextTurn: (task: () => void) => void = globalThis.setImmediate ?? ((task) => setTimeout(task, 0));

function addressOf(page: StripePage): DmaAddr {
  const { mapping } = page;
  if (mapping === null) throw new TypeError("a page without a mapping can't be given to an engine");
  mapping.toDevice();
  return mapping.addr;
}

function addressesOf(pages: readonly StripePage[], range: ByteRange): DmaAddr[] {
  return pages.map((page) => addressOf(page) + range.start);
}

/** Where P and Q are; the address of one that is left out does not matter. */
function outputAddresses(p: StripePage | null, q: StripePage | null, range: ByteRange): [DmaAddr, DmaAddr] {
  return [p === null ? 0 : addressOf(p) + range.start, q === null ? 0 : addressOf(q) + range.start];
}

function disabled(p: StripePage | null, q: StripePage | null): number {
  return (p === null ? DMA_PREP_PQ_DISABLE_P : 0) | (q === null ? DMA_PREP_PQ_DISABLE_Q : 0);
}

function lengthOf(range: ByteRange): number {
  return range.end - range.start;
}

/** A page's one mapping. It starts with the device. */
class BidirectionalMapping implements PageMapping {
  readonly addr: DmaAddr;
  readonly #device: DmaDevice;
  readonly #lengthBytes: number;
  #ownedByCpu = false;

  constructor(device: DmaDevice, memory: Uint8Array, offsetBytes: number, lengthBytes: number) {
    this.#device = device;
    this.#lengthBytes = lengthBytes;
    this.addr = device.mapPage(memory, offsetBytes, lengthBytes, DmaDirection.BIDIRECTIONAL);
    if (!dmaMappingError(this.addr)) return;
    throw new RaidError("ERR_RAID_ENGINE", `${device.name} can't map a stripe page of ${lengthBytes} bytes`);
  }

  toCpu(): void {
    if (this.#ownedByCpu) return;
    this.#ownedByCpu = true;
    this.#device.syncSingleForCpu(this.addr, this.#lengthBytes, DmaDirection.BIDIRECTIONAL);
  }

  toDevice(): void {
    if (!this.#ownedByCpu) return;
    this.#ownedByCpu = false;
    this.#device.syncSingleForDevice(this.addr, this.#lengthBytes, DmaDirection.BIDIRECTIONAL);
  }

  unmap(): void {
    this.#device.unmapPage(this.addr, this.#lengthBytes, DmaDirection.BIDIRECTIONAL);
  }
}

/** One transaction of a chain. */
interface Step {
  /** Null while the channel has no room. */
  prep(): DmaTxDescriptor | null;
  /** The request's memory that it works on, if any. */
  readonly unmap?: DmaUnmapData;
}

/** What is in flight of one `run`. */
class Chain {
  readonly ended: Promise<void>;
  result: DmaTransResult = DmaTransResult.NOERROR;
  #open = 1;
  #end!: () => void;
  readonly #onEnd = (result: DmaTransResult): void => {
    if (result !== DmaTransResult.NOERROR) this.result = result;
    this.#close();
  };

  constructor() {
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  watch(tx: DmaTxDescriptor): void {
    this.#open += 1;
    tx.callback = this.#onEnd;
  }

  /** Nothing more is going to be submitted. */
  seal(): void {
    this.#close();
  }

  /** Nothing more is going to happen. */
  abandon(): void {
    this.#end();
  }

  #close(): void {
    this.#open -= 1;
    if (this.#open === 0) this.#end();
  }
}
