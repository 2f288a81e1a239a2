import type { DmaAddr } from "@dmaengine/core/driver";
import { ClockEvent, type MmioRegister, type Platform, SimError } from "@dmaengine/sim";
import {
  ACTIVATION,
  ACTIVATION_PAUSE,
  ACTIVATION_RESTART,
  ACTIVATION_START,
  ACTIVATION_STATUS_SHIFT,
  ACTIVATION_STOP,
  BLOCK_SIZE,
  BYTE_COUNT,
  CONFIG,
  CONFIG_DESC_SWAP,
  CONFIG_MODE,
  CONFIG_READ_SWAP,
  CONFIG_WRITE_SWAP,
  CURR_DESC,
  DESC_INT_END,
  DEST_POINTER,
  INT_END_OF_CHAIN,
  INT_END_OF_DESC,
  INT_ERR_OWN,
  INT_PAUSED,
  INT_STOPPED,
  MODE_IN_DESC,
  MODE_MEMCPY,
  MODE_MEMINIT,
  MODE_XOR,
  NEXT_DESC,
  STATUS_ACTIVE,
  STATUS_IDLE,
  STATUS_PAUSED,
} from "../datasheet.js";
import type { MvXorVariant } from "../variant.js";
import { ChannelFaults } from "./channel-faults.js";
import { FetchedDescriptor } from "./descriptor.js";
import { Operations } from "./operations.js";
import type { HwUnit } from "./unit.js";

/** How much later a late completion is. */
const LATE_NANOS = 100_000;
/** Modes that are simulated besides IN_DESC. */
const MODES: readonly number[] = [MODE_XOR, MODE_MEMCPY, MODE_MEMINIT];

/**
 * One channel of the hardware. It follows a chain of descriptors from NEXT_DESC to one whose next pointer was 0 when it was fetched,
 * and knows nothing but its registers and what it reads in memory.
 *
 * A descriptor's work is done at once, at the end of the time that it takes.
 */
export class HwChannel {
  /** Its registers in the unit's low area. */
  readonly low: readonly MmioRegister[];
  /** And in the high area. */
  readonly high: readonly MmioRegister[];
  readonly #index: number;
  readonly #platform: Platform;
  readonly #unit: HwUnit;
  readonly #operations: Operations;
  readonly #faults: ChannelFaults;

  #config = 0;
  #status = STATUS_IDLE;
  #next: DmaAddr = 0;
  #remainingBytes = 0;
  #destPointer: DmaAddr = 0;
  #blockSize = 0;

  readonly #descriptor = new FetchedDescriptor();
  /** MEMINIT: what INIT_VALUE was when it was started. */
  #initLow = 0;
  #initHigh = 0;
  readonly #finish = new ClockEvent(() => this.#finishWork());
  #finishAtNanos = 0;
  /** While paused: how long the work at hand would have gone on. */
  #restNanos = 0;

  constructor(index: number, name: string, platform: Platform, variant: MvXorVariant, unit: HwUnit) {
    this.#index = index;
    this.#platform = platform;
    this.#unit = unit;
    this.#operations = new Operations(index, unit.memory, unit.decoder);
    this.#faults = new ChannelFaults(platform.faults, name);
    this.low = [
      register(`CONFIG(${index})`, CONFIG(index), {
        read: () => this.#config,
        write: (value) => this.#configure(value, variant),
      }),
      register(`ACTIVATION(${index})`, ACTIVATION(index), {
        read: () => this.#status << ACTIVATION_STATUS_SHIFT,
        write: (value) => this.#command(value),
      }),
    ];
    this.high = [
      register(`NEXT_DESC(${index})`, NEXT_DESC(index), {
        read: () => this.#next,
        write: (value) => {
          this.#next = value;
        },
      }),
      register(`CURR_DESC(${index})`, CURR_DESC(index), { read: () => this.#descriptor.addr }),
      register(`BYTE_COUNT(${index})`, BYTE_COUNT(index), { read: () => this.#remainingBytes }),
      register(`DEST_POINTER(${index})`, DEST_POINTER(index), {
        read: () => this.#destPointer,
        write: (value) => {
          this.#destPointer = value;
        },
      }),
      register(`BLOCK_SIZE(${index})`, BLOCK_SIZE(index), {
        read: () => this.#blockSize,
        write: (value) => {
          this.#blockSize = value;
        },
      }),
    ];
  }

  /** Stops for good: what unplugging does. */
  reset(): void {
    this.#platform.clock.cancel(this.#finish);
    this.#status = STATUS_IDLE;
  }

  /** Whether an interrupt that is due now is lost. */
  losesInterrupt(): boolean {
    return this.#faults.loseInterrupt();
  }

  /** Notes the state, and returns what puts it back. */
  capture(): () => void {
    const config = this.#config;
    const status = this.#status;
    const next = this.#next;
    const remainingBytes = this.#remainingBytes;
    const destPointer = this.#destPointer;
    const blockSize = this.#blockSize;
    const initLow = this.#initLow;
    const initHigh = this.#initHigh;
    const finishAtNanos = this.#finishAtNanos;
    const restNanos = this.#restNanos;
    const restoreDescriptor = this.#descriptor.capture();
    const restoreFaults = this.#faults.capture();
    return () => {
      this.#config = config;
      this.#status = status;
      this.#next = next;
      this.#remainingBytes = remainingBytes;
      this.#destPointer = destPointer;
      this.#blockSize = blockSize;
      this.#initLow = initLow;
      this.#initHigh = initHigh;
      this.#finishAtNanos = finishAtNanos;
      this.#restNanos = restNanos;
      restoreDescriptor();
      restoreFaults();
    };
  }

  get #mode(): number {
    return this.#config & CONFIG_MODE;
  }

  #configure(value: number, variant: MvXorVariant): void {
    const mode = value & CONFIG_MODE;
    const known = MODES.includes(mode) || (mode === MODE_IN_DESC && variant.operationInDescriptor);
    if (!known || (value & (CONFIG_READ_SWAP | CONFIG_WRITE_SWAP)) !== 0) {
      throw new SimError(
        "ERR_SIM_MMIO",
        `CONFIG(${this.#index}): expected mode ${MODES.join(", ")}${variant.operationInDescriptor ? ` or ${MODE_IN_DESC}` : ""} ` +
          `without swapping of data (bits 12 and 13), got 0x${value.toString(16)}`,
      );
    }
    this.#config = value;
  }

  #command(value: number): void {
    if ((value & ACTIVATION_STOP) !== 0) this.#stop();
    else if ((value & ACTIVATION_PAUSE) !== 0) this.#pause();
    else if ((value & ACTIVATION_RESTART) !== 0) this.#restart();
    else if ((value & ACTIVATION_START) !== 0 && this.#status === STATUS_IDLE) this.#start();
  }

  #stop(): void {
    if (this.#status === STATUS_IDLE) return;
    this.reset();
    this.#unit.raise(this.#index, INT_STOPPED);
  }

  #pause(): void {
    if (this.#status !== STATUS_ACTIVE) return;
    const { clock } = this.#platform;
    clock.cancel(this.#finish);
    this.#restNanos = this.#finishAtNanos - clock.nowNanos;
    this.#status = STATUS_PAUSED;
    this.#unit.raise(this.#index, INT_PAUSED);
  }

  #restart(): void {
    if (this.#status !== STATUS_PAUSED) return;
    this.#status = STATUS_ACTIVE;
    this.#work(this.#restNanos);
  }

  #start(): void {
    this.#status = STATUS_ACTIVE;
    if (this.#mode !== MODE_MEMINIT) {
      this.#fetch();
      return;
    }
    this.#initLow = this.#unit.initLow;
    this.#initHigh = this.#unit.initHigh;
    this.#remainingBytes = this.#blockSize;
    this.#takeUp(this.#blockSize / this.#platform.meter.costs.engine.copyBytesPerNano.value);
  }

  /** Fetches the descriptor at NEXT_DESC, with its next pointer as it is now, and lets the time pass that it takes. */
  #fetch(): void {
    const descriptor = this.#descriptor;
    const addr = this.#next;
    const swapped = (this.#config & CONFIG_DESC_SWAP) !== 0;
    const errors = this.#operations.fetch(descriptor, addr, swapped);
    if (errors !== 0) {
      this.#halt(errors, this.#operations.errorAddr);
      return;
    }
    this.#next = descriptor.next;
    this.#remainingBytes = descriptor.byteCount;
    this.#takeUp(this.#dataNanos());
  }

  /** How long the data of a descriptor takes. */
  #dataNanos(): number {
    const { copyBytesPerNano, sumBytesPerNano } = this.#platform.meter.costs.engine;
    const { byteCount } = this.#descriptor;
    const sources = this.#operations.sources(this.#mode, this.#descriptor);
    return sources > 1 ? (byteCount * sources) / sumBytesPerNano.value : byteCount / copyBytesPerNano.value;
  }

  /** Takes up a piece of work, and lets the time pass that it takes. */
  #takeUp(dataNanos: number): void {
    const faults = this.#faults;
    faults.next();
    if (faults.unplug) this.#unit.vanish();
    else if (this.#mode !== MODE_MEMINIT && (faults.badDescriptor || !this.#descriptor.owned))
      this.#halt(INT_ERR_OWN, this.#descriptor.addr);
    else if (!faults.stuckChannel) {
      const lateNanos = faults.lateCompletion ? LATE_NANOS : 0;
      this.#work(Math.ceil(this.#platform.meter.costs.engine.setupNanos.value + dataNanos) + lateNanos);
    }
  }

  #work(nanos: number): void {
    const { clock } = this.#platform;
    this.#finishAtNanos = clock.nowNanos + nanos;
    clock.schedule(nanos, this.#finish);
  }

  #finishWork(): void {
    const isFill = this.#mode === MODE_MEMINIT;
    let errors: number;
    if (this.#faults.busError)
      errors = this.#operations.fail(isFill ? this.#destPointer : this.#descriptor.source(0));
    else errors = isFill ? this.#fill() : this.#execute();
    if (errors !== 0) {
      this.#halt(errors, this.#operations.errorAddr);
      return;
    }
    this.#remainingBytes = 0;
    const asked = isFill || (this.#descriptor.command & DESC_INT_END) === 0 ? 0 : INT_END_OF_DESC;
    if (isFill || this.#next === 0) {
      this.#status = STATUS_IDLE;
      this.#unit.raise(this.#index, asked | INT_END_OF_CHAIN);
      return;
    }
    if (asked !== 0) this.#unit.raise(this.#index, asked);
    // Whoever handles the interrupt may have stopped the channel.
    if (this.#status === STATUS_ACTIVE) this.#fetch();
  }

  #fill(): number {
    return this.#operations.fill(this.#destPointer, this.#initLow, this.#initHigh, this.#blockSize);
  }

  #execute(): number {
    const errors = this.#operations.execute(this.#mode, this.#descriptor);
    return errors === 0
      ? this.#operations.writeBack(this.#descriptor, !this.#faults.wrongCompletion)
      : errors;
  }

  /** Assumed: an error leaves the channel idle, at the descriptor that it is about. */
  #halt(errors: number, addr: DmaAddr): void {
    this.#status = STATUS_IDLE;
    this.#unit.raiseError(this.#index, errors, addr);
  }
}

function register(name: string, offset: number, access: Pick<MmioRegister, "read" | "write">): MmioRegister {
  return { name, offset, widthBytes: 4, ...access };
}
