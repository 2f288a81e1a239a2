import type { DmaAddr } from "@dmaengine/core/driver";
import { ClockEvent, type MmioRegister, type PhysicalMemory, type Platform } from "@dmaengine/sim";
import {
  CDAR,
  CHAINADDR,
  CHANCMD,
  CHANCMD_RESET,
  CHANCMD_RESUME,
  CHANCMD_SUSPEND,
  CHANCMP,
  CHANCTRL,
  CHANCTRL_ERR_COMPLETION_EN,
  CHANCTRL_ERR_INT_EN,
  CHANCTRL_INT_REARM,
  CHANERR,
  CHANERR_CHANCMD,
  CHANERR_COMPLETION_ADDR,
  CHANERR_CONTROL,
  CHANERR_DESC_COUNT,
  CHANERR_LENGTH,
  CHANERR_MASK,
  CHANERR_READ_DATA,
  CHANSTS,
  CHANSTS_ACTIVE,
  CHANSTS_DONE,
  CHANSTS_HALTED,
  CHANSTS_SUSPENDED,
  CTL_COMPL_WRITE,
  CTL_INT_EN,
  CTL_NULL,
  channelBase,
  DMA_COMP,
  DMA_COMP_V2,
  DMACAP_PQ,
  DMACAP_XOR,
  DMACOUNT,
  MAX_SOURCES,
  OP_COPY,
  OP_PQ,
  OP_PQ_VAL,
} from "../datasheet.js";
import type { IoatVariant } from "../variant.js";
import { CompletionPath } from "./completion-path.js";
import { executeCopy } from "./copy-engine.js";
import { FetchedDescriptor } from "./descriptor.js";
import { isRaidOp, needsExtension, RaidEngine } from "./raid-engine.js";
import { COPY_COMPLETION_NANOS, LATE_COMPLETION_NANOS, RAID_COMPLETION_NANOS } from "./timing.js";

const HIGH_HALF = 2 ** 32;
/** A completion word that is wrong is off by this much: it names a descriptor of another page. */
const WRONG_BY_BYTES = 0x1000;

/** How a channel affects the device that it is a part of. */
export interface HwChannelPort {
  /** The channel wants attention. */
  attention(): void;
  /** The device is pulled out. */
  unplug(): void;
}

/**
 * One channel of the hardware. It follows the chain from CHAINADDR, as many descriptors as DMACOUNT tells, one after the other,
 * and knows nothing but its registers and what it reads in memory.
 *
 * A descriptor's work is done at once, at the end of the time that it takes.
 */
export class HwChannel {
  /** The channel's registers, at their place in the device's region. */
  readonly registers: readonly MmioRegister[];
  readonly #platform: Platform;
  readonly #variant: IoatVariant;
  readonly #memory: PhysicalMemory;
  /** Its name in fault plans. */
  readonly #unit: string;
  readonly #port: HwChannelPort;

  #state: number = CHANSTS_DONE;
  #control = 0;
  #count = 0;
  #chainLow = 0;
  #compAddr: DmaAddr = 0;
  #errors = 0;
  #errorMask = 0;
  /** Address of the last completed descriptor of this chain; 0 before the first. */
  #completed: DmaAddr = 0;

  /** Where the next descriptor is. */
  #next: DmaAddr = 0;
  /** Descriptors done since the chain was started, extensions included, modulo 2^16. */
  #done = 0;
  readonly #base = new FetchedDescriptor();
  readonly #ext = new FetchedDescriptor();
  readonly #raid: RaidEngine;
  readonly #finish = new ClockEvent(() => this.#finishDescriptor());

  readonly #copyPath: CompletionPath;
  readonly #raidPath: CompletionPath;

  /** Whether the next reason for an interrupt may raise one. */
  #armed = false;
  /** Whether there was a reason while it might not. */
  #interruptHeld = false;

  constructor(index: number, device: string, platform: Platform, variant: IoatVariant, port: HwChannelPort) {
    this.#platform = platform;
    this.#memory = platform.memoryOf(device);
    this.#unit = `${device}.${index}`;
    this.#variant = variant;
    this.#port = port;
    this.#raid = new RaidEngine(this.#memory);
    const arrive = this.#completionArrives.bind(this);
    this.#copyPath = new CompletionPath(platform.clock, COPY_COMPLETION_NANOS, arrive);
    this.#raidPath = variant.raidCompletionOvertakes
      ? new CompletionPath(platform.clock, RAID_COMPLETION_NANOS, arrive)
      : this.#copyPath;
    this.registers = this.#registersAt(channelBase(index), `CHAN${index}.`);
  }

  /** Stops everything at once: what RESET does, and unplugging. */
  reset(): void {
    this.#stop();
    this.#copyPath.clear();
    this.#raidPath.clear();
    this.#state = CHANSTS_DONE;
    this.#count = 0;
    this.#done = 0;
    this.#next = 0;
    this.#completed = 0;
    this.#compAddr = 0;
    this.#errors = 0;
    this.#interruptHeld = false;
  }

  /** Notes the channel's state, and returns what puts it back. */
  capture(): () => void {
    const state = this.#state;
    const control = this.#control;
    const count = this.#count;
    const chainLow = this.#chainLow;
    const compAddr = this.#compAddr;
    const errors = this.#errors;
    const errorMask = this.#errorMask;
    const completed = this.#completed;
    const next = this.#next;
    const done = this.#done;
    const armed = this.#armed;
    const interruptHeld = this.#interruptHeld;
    const parts = [this.#base, this.#ext, this.#copyPath, this.#raidPath].map((part) => part.capture());
    return () => {
      this.#state = state;
      this.#control = control;
      this.#count = count;
      this.#chainLow = chainLow;
      this.#compAddr = compAddr;
      this.#errors = errors;
      this.#errorMask = errorMask;
      this.#completed = completed;
      this.#next = next;
      this.#done = done;
      this.#armed = armed;
      this.#interruptHeld = interruptHeld;
      for (const restore of parts) restore();
    };
  }

  #registersAt(base: number, prefix: string): MmioRegister[] {
    const register = (
      name: string,
      offset: number,
      widthBytes: MmioRegister["widthBytes"],
      access: Pick<MmioRegister, "read" | "write" | "halvesOnly">,
    ): MmioRegister => ({ name: prefix + name, offset: base + offset, widthBytes, ...access });
    return [
      register("CHANCTRL", CHANCTRL, 2, {
        read: () => this.#control,
        write: (value) => this.#writeControl(value),
      }),
      register("DMA_COMP", DMA_COMP, 2, { read: () => DMA_COMP_V2 }),
      // The reset bit reads back as 0: a reset is done at once.
      register("CHANCMD", CHANCMD, 1, { read: () => 0, write: (value) => this.#command(value) }),
      register("DMACOUNT", DMACOUNT, 2, {
        read: () => this.#count,
        write: (value) => {
          this.#count = value;
          if (this.#state === CHANSTS_DONE) this.#startDescriptor();
        },
      }),
      register("CHANSTS", CHANSTS, 8, {
        read: (half) => (half === 0 ? statusLow(this.#completed, this.#state) : highHalf(this.#completed)),
      }),
      register("CHAINADDR", CHAINADDR, 8, {
        halvesOnly: true,
        write: (value, half) => {
          if (half === 0) this.#chainLow = value;
          else this.#startChain(this.#chainLow + value * HIGH_HALF);
        },
      }),
      register("CHANCMP", CHANCMP, 8, {
        halvesOnly: true,
        write: (value, half) => {
          this.#compAddr =
            half === 0
              ? highHalf(this.#compAddr) * HIGH_HALF + value
              : value * HIGH_HALF + (this.#compAddr % HIGH_HALF);
        },
      }),
      register("CDAR", CDAR, 8, {
        read: (half) => (half === 0 ? this.#base.addr % HIGH_HALF : highHalf(this.#base.addr)),
      }),
      register("CHANERR", CHANERR, 4, {
        read: () => this.#errors,
        write: (value) => {
          this.#errors &= ~value;
        },
      }),
      register("CHANERR_MASK", CHANERR_MASK, 4, {
        read: () => this.#errorMask,
        write: (value) => {
          this.#errorMask = value;
        },
      }),
    ];
  }

  #writeControl(value: number): void {
    this.#control = value & ~CHANCTRL_INT_REARM;
    if ((value & CHANCTRL_INT_REARM) === 0) return;
    this.#armed = true;
    if (this.#interruptHeld) this.#interrupt();
  }

  #command(value: number): void {
    if (value === CHANCMD_RESET) this.reset();
    else if (value === CHANCMD_SUSPEND) {
      if (this.#state === CHANSTS_HALTED) return;
      this.#stop();
      this.#state = CHANSTS_SUSPENDED;
    } else if (value === CHANCMD_RESUME) {
      // A descriptor that was suspended half-way starts again.
      if (this.#state === CHANSTS_SUSPENDED) this.#startDescriptor();
    } else this.#raise(CHANERR_CHANCMD);
  }

  /** CHAINADDR was written: forget the old chain. The new one starts with the door bell. */
  #startChain(addr: DmaAddr): void {
    this.#stop();
    this.#next = addr;
    this.#count = 0;
    this.#done = 0;
    this.#completed = 0;
    this.#state = (this.#errors & ~this.#errorMask) === 0 ? CHANSTS_DONE : CHANSTS_HALTED;
  }

  #stop(): void {
    this.#platform.clock.cancel(this.#finish);
  }

  /** Fetches the next descriptor, if there is one, and lets the time pass that it takes. */
  #startDescriptor(): void {
    if (this.#done === this.#count) {
      this.#state = CHANSTS_DONE;
      return;
    }
    this.#state = CHANSTS_ACTIVE;
    const { faults, clock, meter } = this.#platform;
    if (faults.strikes("unplug", this.#unit)) {
      this.#port.unplug();
      return;
    }
    // It stays active, and nothing follows.
    if (faults.strikes("stuckChannel", this.#unit)) return;
    const errors = this.#fetch();
    if (errors !== 0) {
      // Masked or not: there is nothing to go on with.
      this.#halt(errors);
      return;
    }
    const { op, sizeBytes, control } = this.#base;
    const { setupNanos, sumBytesPerNano, copyBytesPerNano } = meter.costs.engine;
    let nanos = setupNanos.value;
    if (isRaidOp(op)) nanos += Math.ceil((sizeBytes * this.#base.srcCnt) / sumBytesPerNano.value);
    else if ((control & CTL_NULL) === 0) nanos += Math.ceil(sizeBytes / copyBytesPerNano.value);
    clock.schedule(nanos, this.#finish);
  }

  /** Fetches the descriptor at `#next`, with its extension if it has one, and looks whether it makes sense. */
  #fetch(): number {
    const base = this.#base;
    const errors = base.fetch(this.#memory, this.#next);
    if (errors !== 0) return errors;
    if (this.#platform.faults.strikes("badDescriptor", this.#unit)) base.corrupt();
    if (!this.#knows(base)) return CHANERR_CONTROL;
    if (base.sizeBytes === 0 || base.sizeBytes > 2 ** this.#variant.xfercapLog2) return CHANERR_LENGTH;
    if (!this.#hasExtension()) return 0;
    if (((this.#count - this.#done) & 0xffff) < 2) return CHANERR_DESC_COUNT;
    return this.#ext.fetch(this.#memory, base.next);
  }

  #knows({ op, srcCnt }: FetchedDescriptor): boolean {
    if (op === OP_COPY) return true;
    const needed = op === OP_PQ || op === OP_PQ_VAL ? DMACAP_PQ : DMACAP_XOR;
    return isRaidOp(op) && srcCnt <= MAX_SOURCES && (this.#variant.capabilities & needed) !== 0;
  }

  #hasExtension(): boolean {
    return isRaidOp(this.#base.op) && needsExtension(this.#base);
  }

  #finishDescriptor(): void {
    const base = this.#base;
    const { op, control } = base;
    const isRaid = isRaidOp(op);
    const { faults } = this.#platform;
    let errors = 0;
    if (faults.strikes("busError", this.#unit)) errors = CHANERR_READ_DATA;
    else if (isRaid) errors = this.#raid.execute(base, this.#ext);
    else if ((control & CTL_NULL) === 0) errors = executeCopy(this.#memory, base);
    if (errors !== 0 && this.#raise(errors)) return;
    const extended = this.#hasExtension();
    this.#completed = base.addr;
    this.#next = extended ? this.#ext.next : base.next;
    this.#done = (this.#done + (extended ? 2 : 1)) & 0xffff;
    const write = (control & CTL_COMPL_WRITE) !== 0;
    const interrupt = (control & CTL_INT_EN) !== 0;
    if (write || interrupt) {
      const state = this.#done === this.#count ? CHANSTS_DONE : CHANSTS_ACTIVE;
      const path = isRaid ? this.#raidPath : this.#copyPath;
      const told = faults.strikes("wrongCompletion", this.#unit) ? base.addr + WRONG_BY_BYTES : base.addr;
      const extraNanos = faults.strikes("lateCompletion", this.#unit) ? LATE_COMPLETION_NANOS : 0;
      path.post(statusLow(told, state), highHalf(told), write, interrupt, extraNanos);
    }
    this.#startDescriptor();
  }

  /** Notes errors, and halts unless they are masked. Tells whether it halted. */
  #raise(errors: number): boolean {
    this.#errors |= errors;
    if ((errors & ~this.#errorMask) === 0) return false;
    this.#halt(errors);
    return true;
  }

  #halt(errors: number): void {
    this.#errors |= errors;
    this.#stop();
    this.#state = CHANSTS_HALTED;
    // The last good descriptor, behind every completion that is on its way.
    this.#copyPath.post(
      statusLow(this.#completed, CHANSTS_HALTED),
      highHalf(this.#completed),
      (this.#control & CHANCTRL_ERR_COMPLETION_EN) !== 0,
      (this.#control & CHANCTRL_ERR_INT_EN) !== 0,
    );
  }

  #completionArrives(low: number, high: number, write: boolean, interrupt: boolean): void {
    if (write && !this.#memory.write64(this.#compAddr, low, high)) {
      // Nothing more can be told through memory. Only CHANERR and the interrupt are left.
      this.#stop();
      this.#errors |= CHANERR_COMPLETION_ADDR;
      this.#state = CHANSTS_HALTED;
      if ((this.#control & CHANCTRL_ERR_INT_EN) !== 0) this.#interrupt();
      return;
    }
    if (interrupt) this.#interrupt();
  }

  /** Assumed: a reason for an interrupt that finds the channel not armed is kept until it is. */
  #interrupt(): void {
    this.#interruptHeld = !this.#armed;
    if (!this.#armed) return;
    this.#armed = false;
    if (!this.#platform.faults.strikes("lostInterrupt", this.#unit)) this.#port.attention();
  }
}

/** The low half of a status word. */
function statusLow(addr: DmaAddr, state: number): number {
  return ((addr & ~0x3f) | state) >>> 0;
}

function highHalf(addr: DmaAddr): number {
  return Math.floor(addr / HIGH_HALF);
}
