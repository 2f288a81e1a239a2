import type { DmaAddr } from "@dmaengine/core/driver";
import {
  ClockEvent,
  type IrqLine,
  type MmioRegister,
  type PhysicalMemory,
  type Platform,
  wordIndex,
} from "@dmaengine/sim";
import { CONTROL_ENABLE, CONTROL_RESUME, SLOT_BYTES, SLOT_WORDS, WORD_NEXT } from "../datasheet/unit.js";
import type { Unit } from "./unit.js";

/** How late a completion is that the platform's fault plan holds up: far longer than a descriptor takes. */
const LATE_NANOS = 100_000;
/** An address register that the fault plan makes wrong is off by this much: it names something outside every pool. */
const WRONG_BY_BYTES = 0x10_0000;

/** The three interrupts of a unit. */
export interface UnitInterrupts {
  readonly endOfTransfer: IrqLine;
  readonly endOfChain: IrqLine;
  readonly error: IrqLine;
}

/**
 * The part that all units have in common: it follows a chain of descriptors, one after the other, and knows nothing but its registers and
 * what it reads in memory. After Intel's 80312 developer's manual, chapter 9.3 (chaining, appending, interrupts).
 *
 * A descriptor's work is done at once, at the end of the time that it takes.
 */
export class HwChannel {
  /** The unit's registers, at their place in the region of all units. */
  readonly registers: readonly MmioRegister[];
  readonly interrupts: UnitInterrupts;
  readonly #name: string;
  readonly #platform: Platform;
  readonly #memory: PhysicalMemory;
  readonly #unit: Unit;
  /** The fault plan pulls the processor out. */
  readonly #unplug: () => void;

  #control = 0;
  #status = 0;
  /** The current descriptor's address. */
  #current: DmaAddr = 0;
  /** How far the register that shows it is off, until the next one. */
  #wrongByBytes = 0;
  /** The registers that a descriptor is loaded into. */
  readonly #words: Uint32Array;
  readonly #firstSlot: Uint32Array;
  /** Behind the first slot: by number of slots, the rest of a descriptor. */
  readonly #otherSlots: readonly Uint32Array[];
  readonly #finish = new ClockEvent(() => this.#finishDescriptor());

  /** @param base - where the unit's block of registers begins. */
  constructor(name: string, platform: Platform, base: number, unit: Unit, unplug: () => void) {
    this.#name = name;
    this.#platform = platform;
    this.#memory = platform.memoryOf(name);
    this.#unit = unit;
    this.#unplug = unplug;
    const slots = Math.ceil(unit.registers.words.length / SLOT_WORDS);
    this.#words = new Uint32Array(slots * SLOT_WORDS);
    this.#firstSlot = this.#words.subarray(0, SLOT_WORDS);
    this.#otherSlots = Array.from({ length: slots + 1 }, (_, n) =>
      this.#words.subarray(SLOT_WORDS, Math.max(n, 1) * SLOT_WORDS),
    );
    this.interrupts = {
      endOfTransfer: platform.irqs.line(`${name}-eot`),
      endOfChain: platform.irqs.line(`${name}-eoc`),
      error: platform.irqs.line(`${name}-err`),
    };
    this.registers = this.#registersAt(base, `${name}.`);
  }

  /** Stops everything at once and forgets it. */
  reset(): void {
    this.#stop();
    this.#control = 0;
    this.#clearStatus(~0);
  }

  /** Notes the unit's state, and returns what puts it back. */
  capture(): () => void {
    const control = this.#control;
    const status = this.#status;
    const current = this.#current;
    const wrongByBytes = this.#wrongByBytes;
    const words = this.#words.slice();
    return () => {
      this.#control = control;
      this.#status = status;
      this.#current = current;
      this.#wrongByBytes = wrongByBytes;
      this.#words.set(words);
    };
  }

  #registersAt(base: number, prefix: string): MmioRegister[] {
    const { control, status, current, nextOffset, words } = this.#unit.registers;
    return [
      {
        name: prefix + control.name,
        offset: base + control.offset,
        widthBytes: 4,
        read: () => this.#control,
        write: (value) => this.#writeControl(value),
      },
      {
        name: prefix + status.name,
        offset: base + status.offset,
        widthBytes: 4,
        read: () => this.#status,
        write: (value) => this.#clearStatus(value),
      },
      {
        name: prefix + current.name,
        offset: base + current.offset,
        widthBytes: 4,
        read: () => this.#current + this.#wrongByBytes,
      },
      ...words.map(
        (name, word): MmioRegister => ({
          name: prefix + name,
          offset: base + nextOffset + 4 * word,
          widthBytes: 4,
          read: () => this.#words[word] as number,
          ...(word === WORD_NEXT && { write: (value: number) => this.#writeNext(value) }),
        }),
      ),
    ];
  }

  #writeControl(value: number): void {
    const started = (value & ~this.#control & CONTROL_ENABLE) !== 0;
    this.#control = value;
    if ((value & CONTROL_ENABLE) === 0) this.#stop();
    else if (started || !this.#isActive()) this.#goOn();
  }

  /** Assumed: while the unit is active, the register is the unit's, and a write has no effect. */
  #writeNext(addr: DmaAddr): void {
    if (!this.#isActive()) this.#words[WORD_NEXT] = addr;
  }

  #clearStatus(bits: number): void {
    const { active, endOfTransfer, endOfChain, errors } = this.#unit.registers;
    this.#status &= ~(bits & ~active);
    if ((this.#status & endOfTransfer) === 0) this.interrupts.endOfTransfer.lower();
    if ((this.#status & endOfChain) === 0) this.interrupts.endOfChain.lower();
    if ((this.#status & errors) === 0) this.interrupts.error.lower();
  }

  #isActive(): boolean {
    return (this.#status & this.#unit.registers.active) !== 0;
  }

  #stop(): void {
    this.#platform.clock.cancel(this.#finish);
    this.#status &= ~this.#unit.registers.active;
  }

  /** Goes on with the next descriptor, if there is one: the one in the register, or, at the end of the chain and told to, one appended since. */
  #goOn(): void {
    this.#status &= ~this.#unit.registers.active;
    if (this.#words[WORD_NEXT] === 0 && (this.#control & CONTROL_RESUME) !== 0) {
      this.#control &= ~CONTROL_RESUME;
      const window = this.#memory.locate(this.#current, 4, "read");
      if (window === null) {
        this.#halt(this.#unit.masterAbort);
        return;
      }
      this.#words[WORD_NEXT] = window.words[wordIndex(this.#current - window.base)] as number;
    }
    if (this.#words[WORD_NEXT] !== 0) this.#startDescriptor();
  }

  /** Loads the next descriptor and lets the time pass that it takes. */
  #startDescriptor(): void {
    const { faults, clock, meter } = this.#platform;
    this.#current = this.#words[WORD_NEXT] as number;
    this.#wrongByBytes = 0;
    this.#status |= this.#unit.registers.active;
    if (faults.strikes("unplug", this.#name)) {
      this.#unplug();
      return;
    }
    // It stays active, and nothing follows.
    if (faults.strikes("stuckChannel", this.#name)) return;
    if (!this.#load(this.#current)) {
      this.#halt(this.#unit.masterAbort);
      return;
    }
    const late = faults.strikes("lateCompletion", this.#name) ? LATE_NANOS : 0;
    clock.schedule(this.#unit.nanos(this.#words, meter.costs.engine) + late, this.#finish);
  }

  #finishDescriptor(): void {
    const unit = this.#unit;
    const { faults } = this.#platform;
    const errors = faults.strikes("busError", this.#name) ? unit.masterAbort : unit.execute(this.#words);
    if (errors !== 0) {
      this.#halt(errors);
      return;
    }
    const back = unit.writeBackWord(this.#words);
    if (back >= 0 && !this.#writeBack(back)) {
      this.#halt(unit.masterAbort);
      return;
    }
    const { endOfChain, endOfTransfer } = unit.registers;
    if (unit.interrupts(this.#words)) {
      if (this.#words[WORD_NEXT] === 0) this.#signal(endOfChain, this.interrupts.endOfChain);
      else this.#signal(endOfTransfer, this.interrupts.endOfTransfer);
    }
    const wrong = faults.strikes("wrongCompletion", this.#name);
    this.#goOn();
    if (wrong) this.#wrongByBytes = WRONG_BY_BYTES;
  }

  #load(addr: DmaAddr): boolean {
    const memory = this.#memory;
    if (addr % SLOT_BYTES !== 0 || !memory.readBlock(addr, this.#firstSlot)) return false;
    if (this.#platform.faults.strikes("badDescriptor", this.#name)) {
      this.#words[this.#unit.controlWord] = 0xffff_ffff;
    }
    if (addr % this.#unit.alignBytes(this.#words) !== 0) return false;
    const slots = Math.ceil(this.#unit.wordCount(this.#words) / SLOT_WORDS);
    return slots === 1 || memory.readBlock(addr + SLOT_BYTES, this.#otherSlots[slots] as Uint32Array);
  }

  #writeBack(word: number): boolean {
    const addr = this.#current + 4 * word;
    const window = this.#memory.locate(addr, 4, "write");
    if (window === null) return false;
    window.words[wordIndex(addr - window.base)] = this.#words[word] as number;
    return true;
  }

  /** Assumed: an error takes the enable bit back. */
  #halt(errors: number): void {
    this.#stop();
    this.#control &= ~CONTROL_ENABLE;
    this.#signal(errors, this.interrupts.error);
  }

  #signal(bits: number, line: IrqLine): void {
    this.#status |= bits;
    if (!this.#platform.faults.strikes("lostInterrupt", this.#name)) line.raise();
  }
}
