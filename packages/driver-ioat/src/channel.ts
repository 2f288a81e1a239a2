import {
  type DmaCookie,
  DmaError,
  DmaTransResult,
  SUM_CHECK_P_RESULT,
  SUM_CHECK_Q_RESULT,
} from "@dmaengine/core";
import type { ChannelHost, CoherentMemory, DmaAddr, DmaTx, DriverChannel } from "@dmaengine/core/driver";
import type { PhysicalMemory, Platform, Tasklet } from "@dmaengine/sim";
import { ChannelRegisters } from "./channel-registers.js";
import {
  CHANERR_Q,
  CHANERR_READ_DATA,
  CHANERR_WRITE_DATA,
  CHANERR_XOR_P_OR_CRC,
  CHANSTS_ACTIVE,
  CHANSTS_DONE,
  CHANSTS_HALTED,
  CHANSTS_STATE,
  channelBase,
  OP_PQ_VAL,
  OP_XOR_VAL,
} from "./datasheet.js";
import { DescriptorWriter, type IoatOperation, type IoatTx } from "./descriptor-writer.js";
import type { IoatDevice } from "./device.js";
import { Ring } from "./ring.js";

/** With more submitted descriptors than this, the hardware is told without waiting for the client (`ioat_pending_level`). */
const PENDING_LEVEL = 4;
const COMPLETION_BYTES = 8;
/** The completion word lies in a cache line of its own. */
const COMPLETION_ALIGN_BYTES = 64;
const HIGH_HALF = 2 ** 32;

/** The driver's half of a channel, after drivers/dma/ioat/dma.c. */
export class IoatChannel implements DriverChannel<IoatOperation> {
  readonly #host: ChannelHost;
  readonly #platform: Platform;
  readonly #memory: PhysicalMemory;
  readonly #registers: ChannelRegisters;
  readonly #tasklet: Tasklet;
  readonly #ring: Ring;
  readonly #writer: DescriptorWriter;
  /** By transaction: how many entries of the ring it has taken. */
  readonly #entries: Uint16Array;
  /** Where the hardware writes the completion word: [2:0] state, [63:6] address of the last completed descriptor. */
  readonly #completion: CoherentMemory;
  readonly #completionView: DataView;
  /** The address in the completion word when it was last looked at. */
  #lastCompletion: DmaAddr = 0;
  /** Descriptors that were made available since the chain was started, modulo 2^16. */
  #count = 0;
  /** The cookie that somebody waits for; 0 when it has ended. */
  #awaited: DmaCookie = 0;
  readonly #hasEnded = (): boolean => {
    this.poll();
    return this.#awaited === 0;
  };

  constructor(host: ChannelHost, index: number, device: IoatDevice) {
    const { platform, memory, bar0 } = device;
    this.#host = host;
    this.#platform = platform;
    this.#memory = memory;
    this.#registers = new ChannelRegisters(platform.bus, bar0 + channelBase(index));
    this.#tasklet = platform.irqs.tasklet(() => this.#serviceInterrupt());
    this.#ring = new Ring(memory, device.ringOrder);
    this.#writer = new DescriptorWriter(this.#ring, device.xfercapBytes, device.trailingNull);
    this.#entries = new Uint16Array(host.ringSize);
    this.#completion = memory.allocCoherent(COMPLETION_BYTES, COMPLETION_ALIGN_BYTES);
    const { buffer, byteOffset } = this.#completion.bytes;
    this.#completionView = new DataView(buffer, byteOffset, COMPLETION_BYTES);
  }

  allocChanResources(): void {
    this.#registers.run();
    this.#registers.setCompletionAddr(this.#completion.dmaAddr);
    this.#startChain();
    const { state } = this.#registers;
    if (state === CHANSTS_ACTIVE || state === CHANSTS_DONE) return;
    throw new DmaError(
      "ERR_DMA_DRIVER",
      `${this.#host.name}: did not start: state ${state}, CHANERR 0x${this.#registers.errors.toString(16)}`,
    );
  }

  freeChanResources(): void {
    this.#registers.reset();
    this.#tasklet.kill();
    this.#ring.free(this.#memory);
    this.#memory.freeCoherent(this.#completion);
  }

  prepMemcpy(tx: DmaTx<"memcpy">): boolean {
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
    this.#count = (this.#count + fresh) & 0xffff;
    this.#registers.setCount(this.#count);
  }

  /** Reads the completion word and cleans up what it says is done (`ioat_cleanup`). */
  poll(): void {
    const addr = this.#completedAddr();
    if (addr !== this.#lastCompletion) this.#cleanUpTo(addr);
    if (this.#isHalted()) this.#handleHalt();
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
    this.#registers.reset();
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

  #completedAddr(): DmaAddr {
    const low = this.#completionView.getUint32(0, true);
    return ((low & ~0x3f) >>> 0) + this.#completionView.getUint32(4, true) * HIGH_HALF;
  }

  #isHalted(): boolean {
    return (this.#completionView.getUint32(0, true) & CHANSTS_STATE) === CHANSTS_HALTED;
  }

  /** Completes everything up to the descriptor at `addr`. */
  #cleanUpTo(addr: DmaAddr): void {
    if (!this.#ring.isActive(addr)) {
      throw new DmaError(
        "ERR_DMA_DRIVER",
        `${this.#host.name}: the completion word names 0x${addr.toString(16)}, where no descriptor is active`,
      );
    }
    let last: DmaAddr;
    do {
      last = this.#ring.addressOf(this.#ring.tail);
      this.#end(this.#ring.pop(), DmaTransResult.NOERROR);
    } while (last !== addr);
    this.#lastCompletion = addr;
  }

  #end(tx: DmaTx | null, result: DmaTransResult): void {
    if (tx === null) return;
    if (tx.cookie === this.#awaited) this.#awaited = 0;
    this.#host.complete(tx, result);
  }

  /**
   * The hardware stopped at the descriptor at the tail (`ioat_eh`). A sum that does not match is a result, and the chain goes on behind it.
   * Everything else fails the transaction and aborts those behind it.
   *
   * The original fails the descriptor, not the transaction: where a null descriptor stands for a RAID operation, the reason is lost, and the
   * client hears "aborted". And it stops the machine for errors other than those of reading and writing.
   */
  #handleHalt(): void {
    const errors = this.#registers.errors;
    const mismatches = errors & this.#mismatchBits();
    if (errors !== 0 && mismatches === errors) this.#resumeBehindMismatch(mismatches);
    else this.#abortAll(errors);
  }

  /** The CHANERR bits that are a result of the operation at the tail. */
  #mismatchBits(): number {
    const op = this.#ring.opAtTail();
    if (op === OP_XOR_VAL) return CHANERR_XOR_P_OR_CRC;
    return op === OP_PQ_VAL ? CHANERR_XOR_P_OR_CRC | CHANERR_Q : 0;
  }

  #resumeBehindMismatch(mismatches: number): void {
    const { result } = (this.#ring.ownerAtTail() as DmaTx<"xorVal"> | DmaTx<"pqVal">).args;
    if ((mismatches & CHANERR_XOR_P_OR_CRC) !== 0) result.flags |= SUM_CHECK_P_RESULT;
    if ((mismatches & CHANERR_Q) !== 0) result.flags |= SUM_CHECK_Q_RESULT;
    this.#end(this.#ring.pop(), DmaTransResult.NOERROR);
    this.#registers.clearErrors(mismatches);
    this.#restart();
  }

  #abortAll(errors: number): void {
    let result: DmaTransResult = DmaTransResult.ABORTED;
    if ((errors & CHANERR_READ_DATA) !== 0) result = DmaTransResult.READ_FAILED;
    else if ((errors & CHANERR_WRITE_DATA) !== 0) result = DmaTransResult.WRITE_FAILED;
    this.#registers.reset();
    while (this.#ring.active > 0) {
      const tx = this.#ring.pop();
      this.#end(tx, result);
      if (tx !== null) result = DmaTransResult.ABORTED;
    }
    this.#restart();
  }

  /** Begins a new chain with what is left in the ring (`ioat_restart_channel`). The hardware has halted or was reset. */
  #restart(): void {
    // The word of the old chain must not be taken for one of the new chain.
    this.#completionView.setUint32(0, 0, true);
    this.#completionView.setUint32(4, 0, true);
    this.#lastCompletion = 0;
    this.#registers.setCompletionAddr(this.#completion.dmaAddr);
    this.#ring.unissue();
    this.#count = 0;
    this.#startChain();
  }

  /** Starts at the tail; where nothing is left to do, with a null descriptor. */
  #startChain(): void {
    if (this.#ring.pending === 0) this.#writer.writeStart();
    this.#registers.setChainAddr(this.#ring.addressOf(this.#ring.tail));
    this.issuePending();
  }
}
