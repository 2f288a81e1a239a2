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
import type { DrainOp, FillOp, PageOp, PqOp, PqValOp, XorOp, XorValOp } from "./page-op.js";

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
    try {
      for (const [i, op] of ops.entries()) {
        await this.#submit(op, chain, i < ops.length - 1 ? DMA_CTRL_ACK | DMA_PREP_FENCE : DMA_CTRL_ACK);
      }
    } finally {
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

  #submit(op: PageOp, chain: Chain, flags: number): Promise<void> {
    switch (op.op) {
      case "drain":
        return this.#drain(op, chain, flags);
      case "fill":
        return this.#fill(op, chain, flags);
      case "xor":
        return this.#xor(op, chain, flags);
      case "pq":
        return this.#pq(op, chain, flags);
      case "xorVal":
        return this.#xorVal(op, chain, flags);
      case "pqVal":
        return this.#pqVal(op, chain, flags);
    }
  }

  async #drain(op: DrainOp, chain: Chain, flags: number): Promise<void> {
    const src = this.#mapRequest(op.from, op.fromOffset, op.lengthBytes, DmaDirection.TO_DEVICE);
    const unmap = this.#device.getUnmapData(1);
    unmap.addr[0] = src;
    unmap.toCnt = 1;
    unmap.len = op.lengthBytes;
    await this.#copy(addressOf(op.page) + op.pageOffset, src, unmap, chain, flags);
  }

  async #fill(op: FillOp, chain: Chain, flags: number): Promise<void> {
    const dst = this.#mapRequest(op.into, op.intoOffset, op.lengthBytes, DmaDirection.FROM_DEVICE);
    const unmap = this.#device.getUnmapData(1);
    unmap.addr[0] = dst;
    unmap.fromCnt = 1;
    unmap.len = op.lengthBytes;
    await this.#copy(dst, addressOf(op.page) + op.pageOffset, unmap, chain, flags);
  }

  async #copy(dst: DmaAddr, src: DmaAddr, unmap: DmaUnmapData, chain: Chain, flags: number): Promise<void> {
    try {
      const tx = await this.#prep(() => this.#chan.prepMemcpy(dst, src, unmap.len, flags));
      tx.setUnmap(unmap);
      this.#queue(tx, chain);
    } finally {
      unmap.put();
    }
  }

  async #xor({ dst, srcs, range }: XorOp, chain: Chain, flags: number): Promise<void> {
    const { maxSources } = this.#chan.limits.xor;
    const to = addressOf(dst) + range.start;
    let rest = srcs.map((page) => addressOf(page) + range.start);
    // The second and later pieces add to what the first has left in the destination.
    for (let first = true; rest.length > 0; first = false) {
      const piece = first ? rest.slice(0, maxSources) : [to, ...rest.slice(0, maxSources - 1)];
      rest = rest.slice(first ? piece.length : piece.length - 1);
      const pieceFlags = rest.length > 0 ? flags | DMA_PREP_FENCE : flags;
      const tx = await this.#prep(() =>
        this.#chan.prepXor(to, piece, piece.length, range.end - range.start, pieceFlags),
      );
      this.#queue(tx, chain);
    }
  }

  async #pq({ p, q, srcs, coefs, range, goOn }: PqOp, chain: Chain, flags: number): Promise<void> {
    const outputs = (p === null ? DMA_PREP_PQ_DISABLE_P : 0) | (q === null ? DMA_PREP_PQ_DISABLE_Q : 0);
    const toP = p === null ? 0 : addressOf(p) + range.start;
    const toQ = q === null ? 0 : addressOf(q) + range.start;
    const from = srcs.map((page) => addressOf(page) + range.start);
    for (let done = 0; done < from.length; ) {
      const goesOn = goOn || done > 0 ? DMA_PREP_CONTINUE : 0;
      const count = Math.min(from.length - done, dmaMaxPq(this.#chan.limits.pq, outputs | goesOn));
      const piece = from.slice(done, done + count);
      const pieceCoefs = coefs.slice(done, done + count);
      done += count;
      const pieceFlags = (done < from.length ? flags | DMA_PREP_FENCE : flags) | outputs | goesOn;
      const tx = await this.#prep(() =>
        this.#chan.prepPq(toP, toQ, piece, count, pieceCoefs, range.end - range.start, pieceFlags),
      );
      this.#queue(tx, chain);
    }
  }

  async #xorVal({ srcs, range, result }: XorValOp, chain: Chain, flags: number): Promise<void> {
    const from = srcs.map((page) => addressOf(page) + range.start);
    const tx = await this.#prep(() =>
      this.#chan.prepXorVal(from, from.length, range.end - range.start, result, flags),
    );
    this.#queue(tx, chain);
  }

  async #pqVal({ p, q, srcs, coefs, range, result }: PqValOp, chain: Chain, flags: number): Promise<void> {
    const outputs = (p === null ? DMA_PREP_PQ_DISABLE_P : 0) | (q === null ? DMA_PREP_PQ_DISABLE_Q : 0);
    const toP = p === null ? 0 : addressOf(p) + range.start;
    const toQ = q === null ? 0 : addressOf(q) + range.start;
    const from = srcs.map((page) => addressOf(page) + range.start);
    const tx = await this.#prep(() =>
      this.#chan.prepPqVal(
        toP,
        toQ,
        from,
        from.length,
        coefs,
        range.end - range.start,
        result,
        flags | outputs,
      ),
    );
    this.#queue(tx, chain);
  }

  #mapRequest(memory: Uint8Array, offset: number, lengthBytes: number, direction: DmaDirection): number {
    const addr = this.#device.mapPage(memory, offset, lengthBytes, direction);
    if (!dmaMappingError(addr)) return addr;
    throw new RaidError(
      "ERR_RAID_ENGINE",
      `${this.#device.name} can't reach a request's ${lengthBytes} bytes`,
    );
  }

  /** Prepares; while the channel is full, waits for what was submitted before. */
  async #prep(prep: () => DmaTxDescriptor | null): Promise<DmaTxDescriptor> {
    for (;;) {
      if (this.#hung !== null) throw this.#hung;
      const tx = prep();
      if (tx !== null) return tx;
      if (this.#polling) await this.#chan.syncWait(this.#last);
      // The channel is full of somebody else's transactions.
      else await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }

  #queue(tx: DmaTxDescriptor, chain: Chain): void {
    chain.watch(tx);
    this.#last = tx.submit();
    if (this.#polling) return;
    this.#polling = true;
    // A microtask later: the other chains of this turn belong to the same batch.
    queueMicrotask(() => void this.#pollUntilIdle());
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

function addressOf(page: StripePage): DmaAddr {
  const { mapping } = page;
  if (mapping === null) throw new TypeError("a page without a mapping can't be given to an engine");
  mapping.toDevice();
  return mapping.addr;
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
