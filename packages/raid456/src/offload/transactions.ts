import {
  type BlockLimits,
  DMA_CTRL_ACK,
  DMA_PREP_CONTINUE,
  DMA_PREP_FENCE,
  type DmaAddr,
  type DmaChan,
  DmaDirection,
  type DmaTxDescriptor,
  type DmaUnmapData,
  dmaMaxPq,
  type PqLimits,
  SumCheck,
} from "@dmaengine/core";
import { RaidError } from "../errors.js";
import type { StripePage } from "../stripe/stripe-page.js";
import { disabled, ENGINE_OPERATION, type RaidOperation } from "./ability.js";
import {
  type DrainOp,
  type FillOp,
  lengthOf,
  type PageOp,
  type PqOp,
  type PqValOp,
  type XorOp,
  type XorValOp,
} from "./page-op.js";

/** A channel of which only those operations are called that its device has. */
export type RaidChan = DmaChan<RaidOperation>;

/** Most pages in a stripe, as Q has no more coefficients (`Geometry`), and P itself. */
const MAX_SOURCES = 256;

/** What a piece of a check has found, and whose result it is a part of. */
interface Verdict {
  readonly piece: SumCheck;
  readonly whole: SumCheck;
}

/** Of the transaction that is being prepared. A prep call keeps neither. */
const srcs = new Float64Array(MAX_SOURCES);
const coefs = new Uint8Array(MAX_SOURCES);

/**
 * Turns page operations into the transactions of one channel, one after the other: too long an operation into several ranges, too many
 * sources into sums that go on. One transaction is prepared at a time, so that a full channel can be waited for between any two.
 */
export class Transactions {
  #chan!: RaidChan;
  #op!: PageOp;
  #limits!: BlockLimits;
  /** Whether another operation of the chain may use what the last transaction leaves. */
  #fenced = false;
  /** How many bytes of the operation's range are done, and how many there are. */
  #done = 0;
  #total = 0;
  /** How many sources of the range at hand are summed up. */
  #summed = 0;
  /** The request's memory that the operation works on. */
  #unmap: DmaUnmapData | null = null;
  readonly #verdicts: Verdict[] = [];

  /** Starts with a channel that can do what follows. */
  start(chan: RaidChan): void {
    this.#chan = chan;
    this.#done = 0;
    this.#total = 0;
    if (this.#verdicts.length > 0) this.#verdicts.length = 0;
  }

  /** Takes the next operation on. `fenced`: others follow that may use its results. */
  begin(op: PageOp, fenced: boolean): void {
    this.#op = op;
    this.#limits = this.#chan.device.capabilities[ENGINE_OPERATION[op.op]] as BlockLimits;
    this.#fenced = fenced;
    this.#done = 0;
    this.#summed = 0;
    this.#total = lengthOf(op);
    if (op.op === "xorVal" || op.op === "pqVal") op.result.flags = 0;
  }

  /** Whether every transaction of the operation is prepared. */
  get finished(): boolean {
    return this.#done === this.#total;
  }

  /** Prepares the next one; null while the channel has no room. Throws `ERR_RAID_ENGINE` when the engine can't reach the memory. */
  next(): DmaTxDescriptor | null {
    const op = this.#op;
    switch (op.op) {
      case "drain":
        return this.#copy(op, op.from, op.fromOffset, DmaDirection.TO_DEVICE);
      case "fill":
        return this.#copy(op, op.into, op.intoOffset, DmaDirection.FROM_DEVICE);
      case "xor":
        return this.#xor(op);
      case "pq":
        return this.#pq(op);
      case "xorVal":
      case "pqVal":
        return this.#check(op);
    }
  }

  /** No more transactions follow. Their memory stays mapped until they have ended. */
  end(): void {
    this.#unmap?.put();
    this.#unmap = null;
  }

  /** All transactions are complete: tells what the checks have found. */
  conclude(): void {
    if (this.#verdicts.length === 0) return;
    for (const { piece, whole } of this.#verdicts) whole.flags |= piece.flags;
  }

  #copy(
    op: DrainOp | FillOp,
    memory: Uint8Array,
    memoryOffset: number,
    direction: DmaDirection,
  ): DmaTxDescriptor | null {
    const { device } = this.#chan;
    const { pageOffset, lengthBytes } = op;
    const range = { start: pageOffset, end: pageOffset + lengthBytes };
    const inPage = addressOf(op.page, this.#chan, range) + pageOffset + this.#done;
    if (this.#unmap === null) {
      const addr = device.mapPage(memory, memoryOffset, lengthBytes, direction);
      if (device.mappingError(addr)) {
        throw new RaidError("ERR_RAID_ENGINE", `${device.name} can't reach a request's ${lengthBytes} bytes`);
      }
      this.#unmap = device.getUnmapData(1);
      this.#unmap.addr[0] = addr;
      this.#unmap.len = lengthBytes;
      if (direction === DmaDirection.TO_DEVICE) this.#unmap.toCnt = 1;
      else this.#unmap.fromCnt = 1;
    }
    const inRequest = (this.#unmap.addr[0] as DmaAddr) + this.#done;
    const length = this.#pieceBytes();
    const flags = this.#flags(this.#done + length === this.#total);
    const tx =
      op.op === "drain"
        ? this.#chan.prepMemcpy(inPage, inRequest, length, flags)
        : this.#chan.prepMemcpy(inRequest, inPage, length, flags);
    if (tx === null) return null;
    tx.setUnmap(this.#unmap);
    this.#done += length;
    if (this.finished) this.end();
    return tx;
  }

  #xor(op: XorOp): DmaTxDescriptor | null {
    const { maxSources } = this.#chan.limits.xor;
    const at = op.range.start + this.#done;
    const length = this.#pieceBytes();
    const dst = addressOf(op.dst, this.#chan, op.range) + at;
    // The second and later pieces add to what the first has left in the destination.
    const own = this.#summed > 0 ? 1 : 0;
    const count = Math.min(op.srcs.length - this.#summed, maxSources - own);
    if (own === 1) srcs[0] = dst;
    for (let i = 0; i < count; i++) {
      srcs[own + i] = addressOf(op.srcs[this.#summed + i] as StripePage, this.#chan, op.range) + at;
    }
    const completes = this.#summed + count === op.srcs.length;
    const flags = this.#flags(completes && this.#done + length === this.#total);
    const tx = this.#chan.prepXor(dst, srcs, own + count, length, flags);
    if (tx !== null) this.#advance(completes, count, length);
    return tx;
  }

  #pq(op: PqOp): DmaTxDescriptor | null {
    const at = op.range.start + this.#done;
    const length = this.#pieceBytes();
    const goesOn = op.goOn || this.#summed > 0 ? DMA_PREP_CONTINUE : 0;
    const most = dmaMaxPq(this.#chan.limits.pq as PqLimits, disabled(op) | goesOn);
    const count = Math.min(op.srcs.length - this.#summed, most);
    this.#gather(op, at, count);
    const completes = this.#summed + count === op.srcs.length;
    const flags = this.#flags(completes && this.#done + length === this.#total) | disabled(op) | goesOn;
    const p = this.#output(op, op.p, at);
    const q = this.#output(op, op.q, at);
    const tx = this.#chan.prepPq(p, q, srcs, count, coefs, length, flags);
    if (tx !== null) this.#advance(completes, count, length);
    return tx;
  }

  #check(op: XorValOp | PqValOp): DmaTxDescriptor | null {
    const at = op.range.start + this.#done;
    const length = this.#pieceBytes();
    const count = op.srcs.length;
    // A prep call clears the result that it is given.
    const result = length === this.#total ? op.result : new SumCheck();
    const flags = this.#flags(this.#done + length === this.#total);
    this.#gather(op, at, count);
    const tx =
      op.op === "xorVal"
        ? this.#chan.prepXorVal(srcs, count, length, result, flags)
        : this.#chan.prepPqVal(
            this.#output(op, op.p, at),
            this.#output(op, op.q, at),
            srcs,
            count,
            coefs,
            length,
            result,
            flags | disabled(op),
          );
    if (tx === null) return null;
    if (result !== op.result) this.#verdicts.push({ piece: result, whole: op.result });
    this.#advance(true, 0, length);
    return tx;
  }

  /** The addresses, and for PQ the coefficients, of the next `count` sources. */
  #gather(op: PqOp | PqValOp | XorValOp, at: number, count: number): void {
    for (let i = 0; i < count; i++) {
      const n = this.#summed + i;
      srcs[i] = addressOf(op.srcs[n] as StripePage, this.#chan, op.range) + at;
      if (op.op !== "xorVal") coefs[i] = op.coefs[n] as number;
    }
  }

  /** Where P or Q is; the address of one that is left out does not matter. */
  #output(op: PqOp | PqValOp, page: StripePage | null, at: number): DmaAddr {
    return page === null ? 0 : addressOf(page, this.#chan, op.range) + at;
  }

  #advance(completes: boolean, sources: number, lengthBytes: number): void {
    this.#summed = completes ? 0 : this.#summed + sources;
    if (completes) this.#done += lengthBytes;
  }

  /** Length of the next transaction: all that is left, or as much as the engine takes, leaving no rest that is too short for it. */
  #pieceBytes(): number {
    const { maxLengthBytes = Number.POSITIVE_INFINITY, minLengthBytes = 1, alignBytes = 1 } = this.#limits;
    const rest = this.#total - this.#done;
    if (rest <= maxLengthBytes) return rest;
    const most = Math.min(maxLengthBytes, rest - minLengthBytes);
    return most - (most % alignBytes);
  }

  /** What the last transaction of a chain leaves is looked at when it is complete, what others leave is used before. */
  #flags(isLast: boolean): number {
    return isLast && !this.#fenced ? DMA_CTRL_ACK : DMA_CTRL_ACK | DMA_PREP_FENCE;
  }
}

function addressOf(page: StripePage, chan: RaidChan, range: { start: number; end: number }): DmaAddr {
  const { mapping } = page;
  if (mapping === null) throw new TypeError("a page that no engine can have is given to one");
  return mapping.toDevice(chan.device, range);
}
