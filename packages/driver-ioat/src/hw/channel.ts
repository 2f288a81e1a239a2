import type { DmaAddr } from "@dmaengine/core/driver";
import { ClockEvent, type MmioRegister, type PhysicalMemory, type Platform } from "@dmaengine/sim";
import {
  CDAR,
  CHANCMD_APPEND,
  CHANCMD_RESET,
  CHANCMD_RESUME,
  CHANCMD_START,
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
  CHANERR_NEXT_DESC_ADDR,
  CHANERR_NEXT_DESC_ALIGN,
  CHANERR_READ_DATA,
  CHANSTS_ACTIVE,
  CHANSTS_DONE,
  CHANSTS_HALTED,
  CHANSTS_SUSPENDED,
  CTL_COMPL_WRITE,
  CTL_INT_EN,
  CTL_NULL,
  channelBase,
  DMA_COMP,
  DMA_COMP_V1,
  DMA_COMP_V2,
  DMACAP_FILL_BLOCK,
  DMACOUNT,
  LAYOUT_V1,
  LAYOUT_V2,
  OP_COPY,
  OP_FILL,
} from "../datasheet.js";
import type { IoatVariant } from "../variant.js";
import { type HwChain, ListChain, RingChain } from "./chain.js";
import { CompletionPath } from "./completion-path.js";
import { executeCopy } from "./copy-engine.js";
import { FetchedDescriptor } from "./descriptor.js";
import { needsExtension, RaidEngine, raidOperation } from "./raid-engine.js";
import { COPY_COMPLETION_NANOS, LATE_COMPLETION_NANOS, RAID_COMPLETION_NANOS } from "./timing.js";

const HIGH_HALF = 2 ** 32;
/** A completion word that is wrong has a bit of its address turned over: it names a descriptor that is not there. */
const WRONG_BY_BYTES = 2 ** 40;

/** How a channel affects the device that it is a part of. */
export interface HwChannelPort {
  /** The channel has a reason for an interrupt. */
  attention(): void;
  /** How long a reason for an interrupt waits for others. */
  interruptDelayNanos(): number;
  /** The channel has these errors. */
  note(errors: number): void;
  /** The device is pulled out. */
  unplug(): void;
}

/**
 * One channel of the hardware. It follows the chain from CHAINADDR, one descriptor after the other, and knows nothing but its registers and what it
 * reads in memory.
 *
 * A descriptor's work is done at once, at the end of the time that it takes.
 */
export class HwChannel {
  /** The channel's registers, at their place in the device's region. */
  readonly registers: readonly MmioRegister[];
  readonly #platform: Platform;
  readonly #memory: PhysicalMemory;
  /** Its name in fault plans. */
  readonly #unit: string;
  readonly #port: HwChannelPort;
  readonly #capabilities: number;
  readonly #xfercapBytes: number;

  #state: number = CHANSTS_DONE;
  #control = 0;
  #chainLow = 0;
  #compAddr: DmaAddr = 0;
  #errors = 0;
  #errorMask = 0;
  /** Address of the last completed descriptor of this chain; 0 before the first. */
  #completed: DmaAddr = 0;

  readonly #chain: HwChain;
  /** The descriptor at hand. */
  readonly #base = new FetchedDescriptor();
  readonly #raid: RaidEngine;
  readonly #finish = new ClockEvent(() => this.#finishDescriptor());

  readonly #copyPath: CompletionPath;
  readonly #raidPath: CompletionPath;

  /** Whether the next reason for an interrupt may raise one. */
  #armed = false;
  /** Whether there was a reason while it might not. */
  #interruptHeld = false;
  /** The end of an interrupt's wait for others. */
  readonly #delayed = new ClockEvent(() => this.#deliverInterrupt());

  constructor(index: number, device: string, platform: Platform, variant: IoatVariant, port: HwChannelPort) {
    this.#platform = platform;
    this.#memory = platform.memoryOf(device);
    this.#unit = `${device}.${index}`;
    this.#port = port;
    this.#capabilities = variant.capabilities ?? 0;
    this.#xfercapBytes = 2 ** variant.xfercapLog2;
    this.#raid = new RaidEngine(this.#memory, this.#capabilities);
    const arrive = this.#completionArrives.bind(this);
    this.#copyPath = new CompletionPath(platform.clock, COPY_COMPLETION_NANOS, arrive);
    this.#raidPath = variant.raidCompletionOvertakes
      ? new CompletionPath(platform.clock, RAID_COMPLETION_NANOS, arrive)
      : this.#copyPath;
    const place = registerPlacer(channelBase(index), `CHAN${index}.`);
    if (variant.chain === "list") {
      const chain = new ListChain(this.#memory);
      this.#chain = chain;
      this.registers = [...this.#commonRegisters(place), ...this.#listRegisters(place, chain)];
    } else {
      const chain = new RingChain();
      this.#chain = chain;
      this.registers = [...this.#commonRegisters(place), ...this.#ringRegisters(place, chain)];
    }
  }

  /** Stops everything at once: what RESET does, and unplugging. */
  reset(): void {
    this.#stop();
    this.#copyPath.clear();
    this.#raidPath.clear();
    this.#platform.clock.cancel(this.#delayed);
    this.#chain.reset();
    this.#state = CHANSTS_DONE;
    this.#completed = 0;
    this.#compAddr = 0;
    this.#errors = 0;
    this.#interruptHeld = false;
  }

  /** Notes the channel's state, and returns what puts it back. */
  capture(): () => void {
    const state = this.#state;
    const control = this.#control;
    const chainLow = this.#chainLow;
    const compAddr = this.#compAddr;
    const errors = this.#errors;
    const errorMask = this.#errorMask;
    const completed = this.#completed;
    const armed = this.#armed;
    const interruptHeld = this.#interruptHeld;
    const parts = [this.#chain, this.#base, this.#raid, this.#copyPath, this.#raidPath].map((part) =>
      part.capture(),
    );
    return () => {
      this.#state = state;
      this.#control = control;
      this.#chainLow = chainLow;
      this.#compAddr = compAddr;
      this.#errors = errors;
      this.#errorMask = errorMask;
      this.#completed = completed;
      this.#armed = armed;
      this.#interruptHeld = interruptHeld;
      for (const restore of parts) restore();
    };
  }

  #commonRegisters(place: PlaceRegister): MmioRegister[] {
    return [
      ...place("CHANCTRL", CHANCTRL, 2, {
        read: () => this.#control,
        write: (value) => this.#writeControl(value),
      }),
      ...place("CHANCMP", CHANCMP, 8, {
        halvesOnly: true,
        write: (value, half) => {
          this.#compAddr =
            half === 0
              ? highHalf(this.#compAddr) * HIGH_HALF + value
              : value * HIGH_HALF + (this.#compAddr % HIGH_HALF);
        },
      }),
      ...place("CDAR", CDAR, 8, {
        read: (half) => (half === 0 ? this.#base.addr % HIGH_HALF : highHalf(this.#base.addr)),
      }),
      ...place("CHANERR", CHANERR, 4, {
        read: () => this.#errors,
        write: (value) => {
          this.#errors &= ~value;
        },
      }),
      ...place("CHANERR_MASK", CHANERR_MASK, 4, {
        read: () => this.#errorMask,
        write: (value) => {
          this.#errorMask = value;
        },
      }),
    ];
  }

  /** The registers that version 1 has, or has at other places. */
  #listRegisters(place: PlaceRegister, chain: ListChain): MmioRegister[] {
    return [
      ...place("DMA_COMP", DMA_COMP, 2, { read: () => DMA_COMP_V1 }),
      ...place("CHANCMD", LAYOUT_V1.CHANCMD, 1, {
        read: () => 0,
        write: (command) => {
          if (command === CHANCMD_START) chain.start();
          else if (command === CHANCMD_APPEND) chain.append();
          else return this.#command(command);
          return this.#doorbell();
        },
      }),
      ...place("CHANSTS", LAYOUT_V1.CHANSTS, 8, this.#statusAccess()),
      ...place("CHAINADDR", LAYOUT_V1.CHAINADDR, 8, this.#chainAddrAccess()),
    ];
  }

  /** The registers that version 2 and later have, or have at other places. */
  #ringRegisters(place: PlaceRegister, chain: RingChain): MmioRegister[] {
    return [
      ...place("DMA_COMP", DMA_COMP, 2, { read: () => DMA_COMP_V2 }),
      // The reset bit reads back as 0: a reset is done at once.
      ...place("CHANCMD", LAYOUT_V2.CHANCMD, 1, { read: () => 0, write: (value) => this.#command(value) }),
      ...place("DMACOUNT", DMACOUNT, 2, {
        read: () => chain.count,
        write: (value) => {
          chain.count = value;
          this.#doorbell();
        },
      }),
      ...place("CHANSTS", LAYOUT_V2.CHANSTS, 8, this.#statusAccess()),
      ...place("CHAINADDR", LAYOUT_V2.CHAINADDR, 8, this.#chainAddrAccess()),
    ];
  }

  #statusAccess(): RegisterAccess {
    return {
      read: (half) => (half === 0 ? statusLow(this.#completed, this.#state) : highHalf(this.#completed)),
    };
  }

  #chainAddrAccess(): RegisterAccess {
    return {
      halvesOnly: true,
      write: (value, half) => {
        if (half === 0) this.#chainLow = value;
        else this.#loadChain(this.#chainLow + value * HIGH_HALF);
      },
    };
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

  /** CHAINADDR was written: forget the old chain. The new one begins with the door bell. */
  #loadChain(addr: DmaAddr): void {
    this.#stop();
    this.#chain.load(addr);
    this.#completed = 0;
    this.#state = (this.#errors & ~this.#errorMask) === 0 ? CHANSTS_DONE : CHANSTS_HALTED;
  }

  /** The door bell: there may be more to do. */
  #doorbell(): void {
    if (this.#state === CHANSTS_DONE) this.#startDescriptor();
  }

  #stop(): void {
    this.#platform.clock.cancel(this.#finish);
  }

  /** Fetches the next descriptor, if there is one, and lets the time pass that it takes. */
  #startDescriptor(): void {
    const addr = this.#chain.next();
    if (addr === null) {
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
    const errors = this.#fetch(addr);
    if (errors !== 0) {
      // Masked or not: there is nothing to go on with.
      this.#halt(errors);
      return;
    }
    const { op, sizeBytes, control } = this.#base;
    const { setupNanos, sumBytesPerNano, copyBytesPerNano } = meter.costs.engine;
    let nanos = setupNanos.value;
    if (raidOperation(op) !== undefined) {
      nanos += Math.ceil((sizeBytes * this.#base.srcCnt) / sumBytesPerNano.value);
    } else if ((control & CTL_NULL) === 0) nanos += Math.ceil(sizeBytes / copyBytesPerNano.value);
    clock.schedule(nanos, this.#finish);
  }

  /** Fetches the descriptor at `addr`, with what extends it, and looks whether it makes sense. */
  #fetch(addr: DmaAddr): number {
    const base = this.#base;
    const errors = base.fetch(this.#memory, addr, CHANERR_NEXT_DESC_ALIGN, CHANERR_NEXT_DESC_ADDR);
    if (errors !== 0) return errors;
    if (this.#platform.faults.strikes("badDescriptor", this.#unit)) base.corrupt();
    if (!this.#knows(base)) return CHANERR_CONTROL;
    if (base.sizeBytes === 0 || base.sizeBytes > this.#xfercapBytes) return CHANERR_LENGTH;
    if (needsExtension(base) && this.#chain.available < 2) return CHANERR_DESC_COUNT;
    return this.#raid.fetch(base);
  }

  #knows(base: FetchedDescriptor): boolean {
    const { op } = base;
    if (op === OP_COPY) return true;
    if (op === OP_FILL) return (this.#capabilities & DMACAP_FILL_BLOCK) !== 0;
    return this.#raid.knows(base);
  }

  #finishDescriptor(): void {
    const base = this.#base;
    const { control } = base;
    const isRaid = raidOperation(base.op) !== undefined;
    const { faults } = this.#platform;
    let errors = 0;
    if (faults.strikes("busError", this.#unit)) errors = CHANERR_READ_DATA;
    else errors = isRaid ? this.#raid.execute(base) : executeCopy(this.#memory, base);
    if (errors !== 0 && this.#raise(errors)) return;
    this.#completed = base.addr;
    if (needsExtension(base)) this.#chain.advance(base.addr, this.#raid.next, 2);
    else this.#chain.advance(base.addr, base.next, 1);
    const write = (control & CTL_COMPL_WRITE) !== 0;
    const interrupt = (control & CTL_INT_EN) !== 0;
    if (write || interrupt) {
      const state = this.#chain.next() === null ? CHANSTS_DONE : CHANSTS_ACTIVE;
      const path = isRaid ? this.#raidPath : this.#copyPath;
      const told = faults.strikes("wrongCompletion", this.#unit) ? base.addr + WRONG_BY_BYTES : base.addr;
      const extraNanos = faults.strikes("lateCompletion", this.#unit) ? LATE_COMPLETION_NANOS : 0;
      path.post(statusLow(told, state), highHalf(told), write, interrupt, extraNanos);
    }
    this.#startDescriptor();
  }

  /** Notes errors, and halts unless they are masked. Tells whether it halted. */
  #raise(errors: number): boolean {
    if ((errors & ~this.#errorMask) === 0) {
      this.#note(errors);
      return false;
    }
    this.#halt(errors);
    return true;
  }

  #note(errors: number): void {
    this.#errors |= errors;
    this.#port.note(errors);
  }

  #halt(errors: number): void {
    this.#note(errors);
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
      this.#note(CHANERR_COMPLETION_ADDR);
      this.#state = CHANSTS_HALTED;
      if ((this.#control & CHANCTRL_ERR_INT_EN) !== 0) this.#interrupt();
      return;
    }
    if (interrupt) this.#interrupt();
  }

  /** Assumed: a reason for an interrupt that finds the channel not armed is kept until it is. */
  #interrupt(): void {
    // One that waits takes this one along.
    if (this.#delayed.pending) return;
    this.#interruptHeld = !this.#armed;
    if (!this.#armed) return;
    this.#armed = false;
    const delayNanos = this.#port.interruptDelayNanos();
    if (delayNanos === 0) this.#deliverInterrupt();
    else this.#platform.clock.schedule(delayNanos, this.#delayed);
  }

  #deliverInterrupt(): void {
    if (!this.#platform.faults.strikes("lostInterrupt", this.#unit)) this.#port.attention();
  }
}

type RegisterAccess = Pick<MmioRegister, "read" | "write" | "halvesOnly">;
type PlaceRegister = (
  name: string,
  offset: number,
  widthBytes: MmioRegister["widthBytes"],
  access: RegisterAccess,
) => MmioRegister[];

/** Makes the registers of a channel whose block begins at `base`. */
function registerPlacer(base: number, prefix: string): PlaceRegister {
  return (name, offset, widthBytes, access) => {
    if (widthBytes !== 8 || offset % 8 === 0) {
      return [{ name: prefix + name, offset: base + offset, widthBytes, ...access }];
    }
    // Version 1 has 64-bit registers at odd places, which are two of 32 bits.
    const { read, write } = access;
    return ([0, 1] as const).map((half) => ({
      name: `${prefix}${name}_${half === 0 ? "LOW" : "HIGH"}`,
      offset: base + offset + 4 * half,
      widthBytes: 4,
      ...(read && { read: () => read(half) }),
      ...(write && { write: (value: number) => write(value, half) }),
    }));
  };
}

/** The low half of a status word. */
function statusLow(addr: DmaAddr, state: number): number {
  return (((addr % HIGH_HALF) & ~0x3f) | state) >>> 0;
}

function highHalf(addr: DmaAddr): number {
  return Math.floor(addr / HIGH_HALF);
}
