import { type DmaCookie, DmaTransResult } from "@dmaengine/core";
import type { ChannelHost, DmaTx, DriverChannel } from "@dmaengine/core/driver";
import { ClockEvent, type PhysicalMemory, type Platform, type Tasklet } from "@dmaengine/sim";
import { ChannelRegisters } from "./channel-registers.js";
import { CONFIG_DESC_SWAP, INT_ERR_RDPROT, INT_ERR_WRPROT, MODE_MEMINIT } from "./datasheet.js";
import { DescriptorPool } from "./descriptor-pool.js";
import { DescriptorWriter, type MvXorTx } from "./descriptor-writer.js";
import { faultOf } from "./fault.js";
import type { MvXorOperation, MvXorVariant } from "./variant.js";
import type { XorUnit } from "./xor-unit.js";

/** How the driver is to use the hardware, and where its memory is. */
export interface MvXorChannelOptions {
  readonly memory: PhysicalMemory;
  readonly variant: MvXorVariant;
  readonly bigEndian: boolean;
}

/** No mode at all: what the channel is in before its first chain. */
const NO_MODE = -1;
/** No transaction takes that long. */
const WATCHDOG_NANOS = 10_000_000_000;

/**
 * The driver's half of a channel, after drivers/dma/mv_xor.c. Submitted transactions stand in a queue; the first of them, as far as they
 * are of one mode, are a chain in hardware. The rest waits until the channel is idle.
 */
export class MvXorChannel implements DriverChannel<MvXorOperation> {
  readonly #host: ChannelHost;
  readonly #platform: Platform;
  readonly #memory: PhysicalMemory;
  readonly #registers: ChannelRegisters;
  readonly #tasklet: Tasklet;
  readonly #pool: DescriptorPool;
  readonly #writer: DescriptorWriter;
  readonly #swap: number;
  /** Submitted and not ended, in order: `#count` entries from `#first` on, round and round. */
  readonly #queue: (MvXorTx | null)[];
  #first = 0;
  #count = 0;
  /** How many of the first are in the hardware's chain, and the mode that they need. */
  #chained = 0;
  #mode = NO_MODE;
  /** By slot, 1: in the hardware's chain. */
  readonly #inChain: Uint8Array;
  /** Runs while something is queued. */
  readonly #watchdog = new ClockEvent(() => this.#checkForLife());
  /** Whether something has ended since it was looked at last. */
  #alive = false;
  /** The cookie that somebody waits for; 0 when it has ended. */
  #awaited: DmaCookie = 0;
  readonly #hasEnded = (): boolean => {
    this.poll();
    return this.#awaited === 0;
  };

  constructor(
    host: ChannelHost,
    platform: Platform,
    unit: XorUnit,
    index: number,
    { variant, bigEndian, memory }: MvXorChannelOptions,
  ) {
    this.#host = host;
    this.#platform = platform;
    this.#registers = new ChannelRegisters(platform.bus, unit, index);
    this.#tasklet = platform.irqs.tasklet(() => this.#serviceInterrupt());
    this.#memory = memory;
    this.#pool = new DescriptorPool(memory, host.ringSize, !bigEndian);
    this.#writer = new DescriptorWriter(memory, this.#pool, variant);
    this.#swap = bigEndian ? CONFIG_DESC_SWAP : 0;
    this.#queue = new Array(host.ringSize).fill(null);
    this.#inChain = new Uint8Array(host.ringSize);
  }

  allocChanResources(): void {
    this.#registers.clearAll();
    this.#registers.unmaskInterrupts();
  }

  freeChanResources(): void {
    this.#registers.maskInterrupts();
    this.#registers.stop();
    this.#tasklet.kill();
    this.#writer.free(this.#memory);
    this.#pool.free(this.#memory);
  }

  // A transaction has its descriptor from the start, so there is always room.

  prepMemcpy(): boolean {
    return true;
  }

  prepXor(): boolean {
    return true;
  }

  prepMemset(): boolean {
    return true;
  }

  prepPq(): boolean {
    return true;
  }

  prepInterrupt(): boolean {
    return true;
  }

  /** Puts a transaction at the end of the chain, if the chain can take it, and starts what is not running (`mv_xor_tx_submit`). */
  submit(submitted: DmaTx): void {
    const tx = submitted as MvXorTx;
    this.#writer.write(tx);
    const position = this.#count;
    this.#queue[this.#at(position)] = tx;
    this.#count += 1;
    if (position === 0) {
      this.#platform.clock.schedule(WATCHDOG_NANOS, this.#watchdog);
      this.#startChain();
    } else if (position === this.#chained && this.#takes(tx)) this.#append(tx, this.#entry(position - 1));
  }

  /** There is nothing left to do: the engine has started at submit, as in the original. */
  issuePending(): void {}

  /** Completes what is done and keeps the engine running (`mv_chan_slot_cleanup`). */
  poll(): void {
    if (this.#count === 0) return;
    const { busy } = this.#registers;
    while (this.#chained > 0 && this.#pool.isDone(this.#entry(0).index) && this.#mode !== MODE_MEMINIT) {
      this.#end(DmaTransResult.NOERROR);
    }
    if (busy || this.#count === 0) return;
    const { errors } = this.#registers;
    if (errors !== 0) this.#abortAll(this.#resultOf(errors, this.#entry(0)));
    else if (this.#mode === MODE_MEMINIT && this.#chained > 0) this.#endFill();
    // The engine has been there, and there is no success: what it wrote back is lost or wrong. In the original this spins for ever.
    else if (this.#inChain[this.#pool.slotAt(this.#registers.currentDesc)] === 1)
      this.#abortAll(DmaTransResult.ABORTED);
    else this.#startChain();
  }

  /**
   * Runs the clock, or waits for whoever does, until the transaction has ended. Those before it are cleaned up on the way.
   */
  relax(cookie: DmaCookie): boolean | Promise<boolean> {
    this.#awaited = cookie;
    return this.#platform.clock.relax(this.#hasEnded);
  }

  terminateAll(): void {
    this.#registers.stop();
    this.#registers.clearAll();
    while (this.#count > 0) this.#remove();
  }

  /** The channel's interrupt, in hard interrupt context (`mv_xor_interrupt_handler`). Errors stay until they are dealt with. */
  interrupt(): void {
    this.#host.interrupt();
    this.#tasklet.schedule();
    this.#registers.clearEnd();
  }

  #serviceInterrupt(): void {
    this.poll();
    this.#host.runCallbacks();
  }

  /**
   * Ends what a channel that has stopped without a word was at, and finds what an interrupt was lost for. The original has nothing
   * like it, and its clients wait for ever.
   */
  #checkForLife(): void {
    this.#platform.clock.schedule(WATCHDOG_NANOS, this.#watchdog);
    this.#registers.clearEnd();
    this.poll();
    if (!this.#alive && this.#count > 0) this.#abortAll(DmaTransResult.ABORTED);
    this.#alive = false;
    this.#host.runCallbacks();
  }

  #at(position: number): number {
    return (this.#first + position) % this.#queue.length;
  }

  /** The transaction at a position of the queue. */
  #entry(position: number): MvXorTx {
    return this.#queue[this.#at(position)] as MvXorTx;
  }

  /** Whether the chain can go on with a transaction (`can_chain`). */
  #takes(tx: MvXorTx): boolean {
    return this.#mode !== MODE_MEMINIT && this.#writer.modeFor(tx) === this.#mode;
  }

  /** Starts the engine with the first transaction, and with all behind it that can be chained to it. The channel is idle. */
  #startChain(): void {
    const first = this.#entry(0);
    this.#setMode(this.#writer.modeFor(first));
    this.#chained = 1;
    if (first.operation === "memset") {
      const { dst, value, lengthBytes } = first.args;
      this.#registers.startFill(dst, value, lengthBytes);
      return;
    }
    this.#inChain[first.index] = 1;
    for (let last: MvXorTx = first; this.#chained < this.#count; ) {
      const next = this.#entry(this.#chained);
      if (!this.#takes(next)) break;
      this.#chain(next, last);
      last = next;
    }
    this.#registers.startChain(this.#pool.addressOf(first.index));
  }

  /** Adds to the chain that is running, behind `tail`. The engine may have left the chain's end already, and then it starts anew there. */
  #append(tx: MvXorTx, tail: MvXorTx): void {
    this.#chain(tx, tail);
    const stoppedAtTail =
      !this.#registers.busy && this.#registers.currentDesc === this.#pool.addressOf(tail.index);
    if (stoppedAtTail && this.#pool.isDone(tail.index)) {
      this.#registers.startChain(this.#pool.addressOf(tx.index));
    }
  }

  #chain(tx: MvXorTx, tail: MvXorTx): void {
    this.#pool.link(tail.index, tx.index);
    this.#inChain[tx.index] = 1;
    this.#chained += 1;
  }

  #setMode(mode: number): void {
    if (mode === this.#mode) return;
    this.#mode = mode;
    this.#registers.setConfig(mode | this.#swap);
  }

  #endFill(): void {
    this.#end(DmaTransResult.NOERROR);
    if (this.#count > 0) this.#startChain();
  }

  /** Ends the first transaction of the queue. */
  #end(result: DmaTransResult): void {
    const tx = this.#remove();
    if (tx.cookie === this.#awaited) this.#awaited = 0;
    this.#host.complete(tx, result);
  }

  #remove(): MvXorTx {
    const tx = this.#entry(0);
    this.#queue[this.#first] = null;
    this.#first = this.#at(1);
    this.#count -= 1;
    this.#inChain[tx.index] = 0;
    if (this.#chained > 0) this.#chained -= 1;
    this.#alive = true;
    if (this.#count === 0) this.#platform.clock.cancel(this.#watchdog);
    return tx;
  }

  /** What an error means for the transaction that the engine stopped at. */
  #resultOf(errors: number, tx: MvXorTx): DmaTransResult {
    if ((errors & INT_ERR_RDPROT) !== 0) return DmaTransResult.READ_FAILED;
    if ((errors & INT_ERR_WRPROT) !== 0) return DmaTransResult.WRITE_FAILED;
    return faultOf(tx, this.#registers.errorAddr);
  }

  /**
   * The engine stopped with an error: fails the first transaction, and aborts those behind it, which may depend on it. Then the channel is
   * as new. The original ignores address decode errors, dumps the registers for others, and waits for ever.
   */
  #abortAll(result: DmaTransResult): void {
    this.#registers.stop();
    this.#registers.clearAll();
    this.#end(result);
    while (this.#count > 0) this.#end(DmaTransResult.ABORTED);
  }
}
