import {
  type DmaCookie,
  DmaError,
  DmaTransResult,
  SUM_CHECK_P_RESULT,
  SUM_CHECK_Q_RESULT,
} from "@dmaengine/core";
import type { ChannelHost, DmaAddr, DmaTx, DriverChannel } from "@dmaengine/core/driver";
import type { PhysicalMemory, Platform, Tasklet } from "@dmaengine/sim";
import { describeChanerr, resultOfChanerr } from "./chanerr.js";
import { type ChannelRegisters, ListChannelRegisters, RingChannelRegisters } from "./channel-registers.js";
import { CompletionWord } from "./completion-word.js";
import {
  CHANERR_Q,
  CHANERR_XOR_P_OR_CRC,
  CHANSTS_ACTIVE,
  CHANSTS_DONE,
  CHANSTS_HALTED,
  channelBase,
  DWBES_P,
  DWBES_Q,
  DWBES_WRITTEN,
  OP_PQ_VAL,
  OP_XOR_VAL,
} from "./datasheet.js";
import { DescriptorWriter, type IoatOperation, type IoatTx } from "./descriptor-writer.js";
import type { IoatDevice } from "./device.js";
import { Ring } from "./ring.js";
import { Watchdog } from "./watchdog.js";

/** With more submitted descriptors than this, the hardware is told without waiting for the client (`ioat_pending_level`). */
const PENDING_LEVEL = 4;

/** The driver's half of a channel, after drivers/dma/ioat/dma.c. */
export class IoatChannel implements DriverChannel<IoatOperation> {
  readonly #host: ChannelHost;
  readonly #device: IoatDevice;
  readonly #platform: Platform;
  readonly #memory: PhysicalMemory;
  readonly #registers: ChannelRegisters;
  readonly #tasklet: Tasklet;
  readonly #watchdog: Watchdog;
  readonly #ring: Ring;
  readonly #writer: DescriptorWriter;
  /** By transaction: how many entries of the ring it has taken. */
  readonly #entries: Uint16Array;
  readonly #completion: CompletionWord;
  /** CHANERR bits that are no reason to halt: where descriptors tell of mismatches. */
  readonly #masked: number;
  /** The address in the completion word when it was last looked at. */
  #lastCompletion: DmaAddr = 0;
  /** The cookie that somebody waits for; 0 when it has ended. */
  #awaited: DmaCookie = 0;
  readonly #hasEnded = (): boolean => {
    this.poll();
    return this.#awaited === 0;
  };

  constructor(host: ChannelHost, index: number, device: IoatDevice) {
    const { platform, memory, bar0, rules } = device;
    const base = bar0 + channelBase(index);
    this.#host = host;
    this.#device = device;
    this.#platform = platform;
    this.#memory = memory;
    this.#registers =
      device.ring.chain === "list"
        ? new ListChannelRegisters(platform.bus, base)
        : new RingChannelRegisters(platform.bus, base);
    this.#tasklet = platform.irqs.tasklet(() => this.#serviceInterrupt());
    this.#watchdog = new Watchdog(platform.clock, () => this.#watch());
    this.#ring = new Ring(memory, device.ring);
    this.#writer = new DescriptorWriter(this.#ring, rules);
    this.#entries = new Uint16Array(host.ringSize);
    this.#completion = new CompletionWord(memory);
    this.#masked = rules.writesBack ? CHANERR_XOR_P_OR_CRC | CHANERR_Q : 0;
  }

  allocChanResources(): void {
    this.#registers.run();
    this.#registers.maskErrors(this.#masked);
    this.#registers.setCompletionAddr(this.#completion.addr);
    this.#startChain();
    const { state, errors } = this.#registers;
    if (state === CHANSTS_ACTIVE || state === CHANSTS_DONE) return;
    throw new DmaError(
      "ERR_DMA_DRIVER",
      `${this.#host.name}: did not start: state ${state}, ${describeChanerr(errors)}`,
    );
  }

  freeChanResources(): void {
    this.#registers.reset();
    this.#tasklet.kill();
    this.#watchdog.disarm();
    this.#ring.free();
    this.#completion.free(this.#memory);
  }

  prepMemcpy(tx: DmaTx<"memcpy">): boolean {
    return this.#reserve(tx);
  }

  prepMemset(tx: DmaTx<"memset">): boolean {
    return this.#reserve(tx);
  }

  prepXor(tx: DmaTx<"xor">): boolean {
    return this.#reserve(tx);
  }

  prepXorVal(tx: DmaTx<"xorVal">): boolean {
    return this.#reserve(tx);
  }

  prepPq(tx: DmaTx<"pq">): boolean {
    return this.#reserve(tx);
  }

  prepPqVal(tx: DmaTx<"pqVal">): boolean {
    return this.#reserve(tx);
  }

  prepInterrupt(tx: DmaTx<"interrupt">): boolean {
    return this.#reserve(tx);
  }

  #reserve(tx: IoatTx): boolean {
    const entries = this.#writer.entries(tx);
    if (!this.#ring.reserve(entries)) return false;
    this.#entries[tx.index] = entries;
    return true;
  }

  submit(tx: DmaTx): void {
    this.#ring.unreserve(this.#entries[tx.index] as number);
    this.#writer.write(tx as IoatTx);
    if (this.#ring.pending > PENDING_LEVEL) this.issuePending();
  }

  issuePending(): void {
    const fresh = this.#ring.issue();
    if (fresh === 0) return;
    this.#registers.announce(fresh);
    this.#watchdog.arm();
  }

  /** Reads the completion word and cleans up what it says is done (`ioat_cleanup`). */
  poll(): void {
    const addr = this.#completion.completed;
    if (addr !== this.#lastCompletion) {
      this.#lastCompletion = addr;
      if (this.#ring.isActive(addr)) this.#cleanUpTo(addr);
      else this.#resynchronise();
    }
    if (this.#completion.state === CHANSTS_HALTED) this.#handleHalt();
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
    this.#resetHardware();
    this.#ring.clear();
    this.#restart();
  }

  /** The channel's interrupt, in hard interrupt context. */
  interrupt(): void {
    this.#host.interrupt();
    this.#tasklet.schedule();
  }

  /** `ioat_cleanup_event` */
  #serviceInterrupt(): void {
    this.poll();
    this.#host.runCallbacks();
    this.#registers.run();
  }

  /** Completes everything up to the descriptor at `addr`, which is active. */
  #cleanUpTo(addr: DmaAddr): void {
    const ring = this.#ring;
    for (let last: DmaAddr = -1; last !== addr; ) {
      const { tail } = ring;
      last = tail.addr;
      if (tail.writesBack) noteVerdict(tail.owner as DmaTx<"pqVal">, tail.status);
      this.#end(ring.pop(), DmaTransResult.NOERROR);
    }
    this.#watchdog.progress();
    if (!ring.atWork) this.#watchdog.disarm();
    this.#device.coalesce(ring.active);
  }

  #end(tx: DmaTx | null, result: DmaTransResult): void {
    if (tx === null) return;
    if (tx.cookie === this.#awaited) this.#awaited = 0;
    this.#host.complete(tx, result);
  }

  // Recovery

  /**
   * A period without progress is over (`ioat_timer_event`). Does what an interrupt would have done, had it not been lost, and looks into the registers
   * for what the completion word does not tell. The second silent period in a row is taken for a hang.
   */
  #watch(): void {
    this.#serviceInterrupt();
    if (!this.#ring.atWork) return;
    const registers = this.#registers;
    if (registers.gone) this.#giveUp("does not answer: the device is gone");
    else if (registers.state === CHANSTS_HALTED) this.#handleHalt();
    else if (this.#watchdog.isSilent(registers.completed)) {
      if (this.#ring.isActive(registers.completed)) this.#resynchronise();
      else this.#giveUp("hangs");
    }
    if (this.#ring.atWork) this.#watchdog.arm();
  }

  /**
   * The completion word names a descriptor that is not at work, or stays behind CHANSTS, which tells how far the hardware really is: a word was
   * corrupted on its way. The channel goes on in a new chain, so that no word of the old one can be mistaken for one of the new
   * (`ioat_quiesce`, `ioat_restart_channel`). The original stops the machine.
   */
  #resynchronise(): void {
    this.#registers.suspend();
    // An error is dealt with when the word arrives that tells of it.
    if (this.#registers.state === CHANSTS_HALTED) return;
    const { completed } = this.#registers;
    this.#device.report(
      `${this.#host.name}: completion word names 0x${this.#lastCompletion.toString(16)}, CHANSTS 0x${completed.toString(16)}`,
    );
    if (this.#ring.isActive(completed)) this.#cleanUpTo(completed);
    this.#resetHardware();
    this.#restart();
  }

  /**
   * The hardware stopped at the descriptor at the tail (`ioat_eh`). A sum that does not match is a result, and the chain goes on behind it.
   * Everything else fails the transaction and aborts those behind it.
   *
   * The original fails the descriptor, not the transaction: where a null descriptor stands for a RAID operation, the reason is lost, and the
   * client hears "aborted". And it stops the machine for errors other than those of reading and writing.
   */
  #handleHalt(): void {
    const errors = this.#registers.errors & ~this.#masked;
    const { completed } = this.#registers;
    // Words of what was done before may have been corrupted.
    if (this.#ring.isActive(completed)) this.#cleanUpTo(completed);
    const mismatches = errors & this.#mismatchBits();
    if (errors !== 0 && mismatches === errors) this.#resumeBehindMismatch(mismatches);
    else {
      this.#device.report(`${this.#host.name}: halted: ${describeChanerr(errors)}`);
      this.#abortAll(resultOfChanerr(errors));
    }
  }

  /** The CHANERR bits that are a result of the operation at the tail. */
  #mismatchBits(): number {
    const { op } = this.#ring.tail;
    if (op === OP_XOR_VAL) return CHANERR_XOR_P_OR_CRC;
    return op === OP_PQ_VAL ? CHANERR_XOR_P_OR_CRC | CHANERR_Q : 0;
  }

  #resumeBehindMismatch(mismatches: number): void {
    const { result } = (this.#ring.tail.owner as DmaTx<"xorVal"> | DmaTx<"pqVal">).args;
    if ((mismatches & CHANERR_XOR_P_OR_CRC) !== 0) result.flags |= SUM_CHECK_P_RESULT;
    if ((mismatches & CHANERR_Q) !== 0) result.flags |= SUM_CHECK_Q_RESULT;
    this.#end(this.#ring.pop(), DmaTransResult.NOERROR);
    this.#registers.clearErrors(mismatches);
    this.#device.clearChanerrInt();
    this.#restart();
  }

  #giveUp(why: string): void {
    this.#device.report(`${this.#host.name}: ${why}; ${this.#ring.active} descriptors are aborted`);
    this.#abortAll(DmaTransResult.ABORTED);
  }

  /** Ends the transaction at the tail with `result`, and those behind it as aborted. */
  #abortAll(result: DmaTransResult): void {
    // Where it is the driver's own descriptor that failed, no transaction did.
    let how: DmaTransResult = this.#ring.tail.owner === null ? DmaTransResult.ABORTED : result;
    this.#resetHardware();
    while (this.#ring.active > 0) {
      const tx = this.#ring.pop();
      this.#end(tx, how);
      if (tx !== null) how = DmaTransResult.ABORTED;
    }
    this.#restart();
  }

  #resetHardware(): void {
    this.#registers.reset();
    this.#device.clearChanerrInt();
  }

  /** Begins a new chain with what is left in the ring (`ioat_restart_channel`). The hardware has halted or was reset. */
  #restart(): void {
    this.#completion.clear();
    this.#lastCompletion = 0;
    this.#registers.setCompletionAddr(this.#completion.addr);
    this.#ring.unissue();
    this.#startChain();
  }

  /** Starts at the tail; where nothing is left to do, with a null descriptor, which nobody waits for. */
  #startChain(): void {
    const idle = this.#ring.active === 0;
    if (idle) this.#writer.writeStart();
    this.#registers.startChain(this.#ring.tail.addr, this.#ring.issue());
    if (idle) this.#watchdog.disarm();
    else this.#watchdog.arm();
  }
}

/** What the hardware left in a descriptor whose sums did not match (`desc_get_errstat`). */
function noteVerdict(tx: DmaTx<"xorVal"> | DmaTx<"pqVal">, status: number): void {
  if ((status & DWBES_WRITTEN) === 0) return;
  const { result } = tx.args;
  if ((status & DWBES_P) !== 0) result.flags |= SUM_CHECK_P_RESULT;
  if ((status & DWBES_Q) !== 0) result.flags |= SUM_CHECK_Q_RESULT;
}
