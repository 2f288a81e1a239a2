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
  DESCRIPTOR_BYTES,
  DEST_POINTER,
  INT_END_OF_CHAIN,
  INT_END_OF_DESC,
  INT_ERR_OWN,
  INT_PAUSED,
  INT_STOPPED,
  MIN_BYTE_COUNT,
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
import { FetchedDescriptor } from "./descriptor.js";
import { Operations } from "./operations.js";
import { BYTES_PER_NANO, DESCRIPTOR_NANOS } from "./timing.js";
import type { HwUnit } from "./unit.js";

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

  constructor(index: number, platform: Platform, variant: MvXorVariant, unit: HwUnit) {
    this.#index = index;
    this.#platform = platform;
    this.#unit = unit;
    this.#operations = new Operations(index, platform.memory, unit.decoder);
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
    this.#work(DESCRIPTOR_NANOS + Math.ceil(this.#blockSize / BYTES_PER_NANO));
  }

  /** Fetches the descriptor at NEXT_DESC, with its next pointer as it is now, and lets the time pass that it takes. */
  #fetch(): void {
    const descriptor = this.#descriptor;
    const addr = this.#next;
    // Assumed: a chain that is not aligned is refused like any descriptor that makes no sense.
    const errors =
      addr % DESCRIPTOR_BYTES === 0
        ? this.#operations.fetch(descriptor, addr, DESCRIPTOR_BYTES, (this.#config & CONFIG_DESC_SWAP) !== 0)
        : this.#operations.refuse(addr);
    if (errors !== 0) {
      this.#halt(errors, this.#operations.errorAddr);
      return;
    }
    this.#next = descriptor.next;
    this.#remainingBytes = descriptor.byteCount;
    if (!descriptor.owned) {
      this.#halt(INT_ERR_OWN, addr);
      return;
    }
    const movedBytes = descriptor.byteCount * this.#operations.operands(this.#mode, descriptor);
    this.#work(DESCRIPTOR_NANOS + Math.ceil(movedBytes / BYTES_PER_NANO));
  }

  #work(nanos: number): void {
    const { clock } = this.#platform;
    this.#finishAtNanos = clock.nowNanos + nanos;
    clock.schedule(nanos, this.#finish);
  }

  #finishWork(): void {
    const isFill = this.#mode === MODE_MEMINIT;
    const errors = isFill ? this.#fill() : this.#execute();
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
    this.#fetch();
  }

  #fill(): number {
    if (this.#blockSize < MIN_BYTE_COUNT) return this.#operations.refuse(this.#destPointer);
    return this.#operations.fill(this.#destPointer, this.#initLow, this.#initHigh, this.#blockSize);
  }

  #execute(): number {
    const errors = this.#operations.execute(this.#mode, this.#descriptor);
    return errors === 0 ? this.#operations.writeSuccess(this.#descriptor) : errors;
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
