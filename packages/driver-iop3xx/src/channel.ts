import { type DmaCookie, DmaError, DmaTransResult } from "@dmaengine/core";
import type { ChannelHost, DmaTx, DriverChannel } from "@dmaengine/core/driver";
import type { PhysicalMemory, Platform, Tasklet } from "@dmaengine/sim";
import { Chain } from "./chain.js";
import { ChannelRegisters } from "./channel-registers.js";
import { SLOT_WORDS } from "./datasheet/unit.js";
import type { DescriptorFormat, IopTx } from "./formats/format.js";
import type { PlatformDevice } from "./platform-device.js";
import { SlotPool, slotCount } from "./slot-pool.js";
import type { IopOperation } from "./variant.js";

/** With so many submitted slots, the unit is told without waiting for the client (`IOP_ADMA_THRESHOLD`). */
const THRESHOLD = 4;

/**
 * The driver's half of a unit, after drivers/dma/iop-adma.c.
 *
 * The chain is never empty: the descriptor that the unit did last stays, so that there is something to append to. The first is one that
 * does nothing.
 */
export class IopChannel implements DriverChannel<IopOperation> {
  readonly #host: ChannelHost;
  readonly #platform: Platform;
  readonly #memory: PhysicalMemory;
  readonly #device: PlatformDevice;
  readonly #format: DescriptorFormat;
  readonly #registers: ChannelRegisters;
  readonly #tasklet: Tasklet;
  readonly #pool: SlotPool;
  readonly #chain: Chain;
  /** By transaction: its first descriptor. */
  readonly #first: Int16Array;
  /** Submitted slots that the unit was not told of. */
  #pending = 0;
  /** Whether the oldest descriptor of the chain is done, and stays as the place to append to. */
  #headDone = false;
  /** The cookie that somebody waits for; 0 when it has ended. */
  #awaited: DmaCookie = 0;
  readonly #hasEnded = (): boolean => {
    this.poll();
    return this.#awaited === 0;
  };

  constructor(
    host: ChannelHost,
    platform: Platform,
    memory: PhysicalMemory,
    device: PlatformDevice,
    format: DescriptorFormat,
    poolPages: number,
  ) {
    this.#host = host;
    this.#platform = platform;
    this.#memory = memory;
    this.#device = device;
    this.#format = format;
    this.#registers = new ChannelRegisters(platform.bus, device.base, format.registers);
    this.#tasklet = platform.irqs.tasklet(() => this.#serviceInterrupt());
    this.#pool = new SlotPool(memory, poolPages, format.mostSlots);
    this.#chain = new Chain(this.#pool, slotCount(poolPages));
    this.#first = new Int16Array(host.ringSize);
  }

  allocChanResources(): void {
    const { endOfTransfer, endOfChain } = this.#format.registers;
    this.#device.endOfTransfer.request(() => this.#interrupt(endOfTransfer));
    this.#device.endOfChain.request(() => this.#interrupt(endOfChain));
    // What went wrong is found out, and cleared, where it is dealt with.
    this.#device.error.request(() => this.#interrupt(0));
    this.#startChain();
  }

  freeChanResources(): void {
    this.#registers.stop();
    this.#tasklet.kill();
    this.#device.endOfTransfer.free();
    this.#device.endOfChain.free();
    this.#device.error.free();
    this.#pool.release(this.#memory);
  }

  prepMemcpy(tx: DmaTx<"memcpy">): boolean {
    return this.#prepare(tx);
  }

  prepMemset(tx: DmaTx<"memset">): boolean {
    return this.#prepare(tx);
  }

  prepXor(tx: DmaTx<"xor">): boolean {
    return this.#prepare(tx);
  }

  prepXorVal(tx: DmaTx<"xorVal">): boolean {
    return this.#prepare(tx);
  }

  prepPq(tx: DmaTx<"pq">): boolean {
    return this.#prepare(tx);
  }

  prepPqVal(tx: DmaTx<"pqVal">): boolean {
    return this.#prepare(tx);
  }

  prepInterrupt(tx: DmaTx<"interrupt">): boolean {
    return this.#prepare(tx);
  }

  /** Writes a transaction's descriptors and links them, if there are slots for all of them. */
  #prepare(tx: IopTx): boolean {
    const pieces = this.#format.pieces(tx);
    const slots = this.#format.slots(tx);
    let first = -1;
    let last = -1;
    for (let piece = 0; piece < pieces; piece++) {
      const slot = this.#pool.alloc(slots, this.#format.aligned);
      if (slot < 0) {
        this.#giveBack(first);
        return false;
      }
      this.#format.write(this.#pool.words, slot * SLOT_WORDS, tx, piece);
      this.#chain.own(slot, tx, piece === pieces - 1);
      if (last < 0) first = slot;
      else this.#chain.link(last, slot);
      last = slot;
    }
    this.#first[tx.index] = first;
    return true;
  }

  /** Takes the descriptors back of which there are not enough. */
  #giveBack(first: number): void {
    for (let slot = first; slot >= 0; slot = this.#chain.after(slot)) this.#pool.free(slot);
  }

  submit(tx: DmaTx): void {
    this.#pending += this.#chain.append(this.#first[tx.index] as number);
    if (this.#pending >= THRESHOLD) this.issuePending();
  }

  issuePending(): void {
    if (this.#pending === 0) return;
    this.#pending = 0;
    this.#registers.resume();
  }

  /**
   * Asks the unit how far it is, and cleans up (`iop_adma_slot_cleanup`).
   *
   * Linux does not complete the descriptor that was done last once another has been appended and not issued; here it is complete when it is
   * done, and only stays in its place.
   */
  poll(): void {
    const { active, errors } = this.#format.registers;
    const current = this.#registers.current;
    const status = this.#registers.status;
    const slot = this.#pool.slotAt(current);
    if (!this.#chain.has(slot)) {
      // The unit has gone astray, or is gone altogether.
      this.#abortAll(DmaTransResult.ABORTED);
      return;
    }
    while (this.#chain.head !== slot) this.#passHead();
    if ((status & errors) !== 0) this.#abortAll(this.#howHeadFailed(status & errors));
    else if ((status & active) === 0) this.#finishHead();
  }

  /**
   * Runs the clock, or waits for whoever does, until the transaction has ended. Those before it are cleaned up on the way, so that a client that
   * waits for the last of a batch polls once, however many there are.
   */
  relax(cookie: DmaCookie): boolean | Promise<boolean> {
    this.#awaited = cookie;
    return this.#platform.clock.relax(this.#hasEnded);
  }

  terminateAll(): void {
    this.#registers.stop();
    this.#chain.clear();
    this.#startChain();
  }

  /** In hard interrupt context. */
  #interrupt(flag: number): void {
    this.#host.interrupt();
    this.#tasklet.schedule();
    this.#registers.clearStatus(flag);
  }

  /** `iop_adma_tasklet` */
  #serviceInterrupt(): void {
    this.poll();
    this.#host.runCallbacks();
  }

  /** The unit is done with the oldest descriptor: takes its result, and completes its transaction if it was the last of it. */
  #finishHead(): void {
    if (this.#headDone) return;
    this.#headDone = true;
    const slot = this.#chain.head;
    this.#pool.discount(slot);
    const tx = this.#chain.ownerOf(slot) as IopTx | null;
    if (tx === null) return;
    if (tx.operation === "xorVal" || tx.operation === "pqVal") {
      const flags = this.#format.verdict(this.#pool.words, slot * SLOT_WORDS);
      if (flags === null) {
        throw new DmaError(
          "ERR_DMA_DRIVER",
          `${this.#host.name}: the unit has passed a check without a result`,
        );
      }
      tx.args.result.flags |= flags;
    }
    if (this.#chain.completes(slot)) this.#end(tx, DmaTransResult.NOERROR);
  }

  /** The unit has gone on behind the oldest descriptor. */
  #passHead(): void {
    this.#finishHead();
    this.#headDone = false;
    this.#chain.shift();
  }

  #end(tx: DmaTx, result: DmaTransResult): void {
    if (tx.cookie === this.#awaited) this.#awaited = 0;
    this.#host.complete(tx, result);
  }

  /**
   * Ends everything that was submitted: what the unit stopped at with this result, what is behind it as aborted. Then starts again.
   * Linux stops the machine instead (`iop_adma_err_handler`).
   */
  #abortAll(first: DmaTransResult): void {
    let result = first;
    this.#registers.stop();
    while (this.#chain.head >= 0) {
      const slot = this.#chain.head;
      const tx = this.#chain.ownerOf(slot);
      const ends = !this.#headDone && this.#chain.completes(slot);
      this.#headDone = false;
      this.#chain.shift();
      if (tx === null || !ends) continue;
      this.#end(tx, result);
      result = DmaTransResult.ABORTED;
    }
    this.#startChain();
  }

  /** The status tells reading from writing for no unit; but the source register has moved on if all sources were read. */
  #howHeadFailed(errors: number): DmaTransResult {
    const slot = this.#chain.head;
    const tx = this.#chain.ownerOf(slot) as IopTx | null;
    if (tx === null || (errors & this.#format.descriptorErrors) !== 0) return DmaTransResult.ABORTED;
    if (tx.operation === "memset") return DmaTransResult.WRITE_FAILED;
    const { sourceWord } = this.#format;
    const given = this.#pool.words[slot * SLOT_WORDS + sourceWord];
    return this.#registers.word(sourceWord) === given
      ? DmaTransResult.READ_FAILED
      : DmaTransResult.WRITE_FAILED;
  }

  /** Begins a chain with a descriptor that does nothing (`iop_chan_start_null_xor`). There is no other in the chain now, so the reserve is free. */
  #startChain(): void {
    const slot = this.#pool.allocReserve();
    this.#format.writeNull(this.#pool.words, slot * SLOT_WORDS);
    this.#chain.own(slot, null, false);
    this.#chain.append(slot);
    this.#headDone = false;
    this.#pending = 0;
    this.#registers.start(this.#pool.addressOf(slot));
  }
}
