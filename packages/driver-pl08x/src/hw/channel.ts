import type { DmaAddr } from "@dmaengine/core/driver";
import type { MmioRegister, Platform } from "@dmaengine/sim";
import {
  AHB1,
  AHB2,
  BURST_ELEMENTS,
  CH_CONTROL,
  CH_DST_ADDR,
  CH_LLI,
  CH_SRC_ADDR,
  CONFIG_ACTIVE,
  CONFIG_CH_ENABLE,
  CONFIG_DST_SEL_SHIFT,
  CONFIG_ERR_IRQ_MASK,
  CONFIG_FLOW_CONTROL_MASK,
  CONFIG_FLOW_CONTROL_SHIFT,
  CONFIG_HALT,
  CONFIG_SEL_MASK,
  CONFIG_SRC_SEL_SHIFT,
  CONFIG_TC_IRQ_MASK,
  CONTROL_BURST_MASK,
  CONTROL_DB_SIZE_SHIFT,
  CONTROL_DST_AHB2,
  CONTROL_DST_INCR,
  CONTROL_DWIDTH_SHIFT,
  CONTROL_SB_SIZE_SHIFT,
  CONTROL_SRC_AHB2,
  CONTROL_SRC_INCR,
  CONTROL_SWIDTH_SHIFT,
  CONTROL_TC_IRQ_EN,
  CONTROL_TRANSFER_SIZE_MASK,
  CONTROL_WIDTH_MASK,
  channelBase,
  destinationIsPeripheral,
  FLOW_PER2MEM_PER,
  FLOW_SRC2DST_DST,
  FLOW_SRC2DST_SRC,
  LLI_ADDR_MASK,
  LLI_CONTROL,
  LLI_CONTROL2,
  LLI_DST,
  LLI_LLI,
  LLI_LM_AHB2,
  LLI_SRC,
  PL080S_CH_CONTROL2,
  PL080S_CONTROL_TRANSFER_SIZE_MASK,
  sourceIsPeripheral,
  WIDTH_32BIT,
} from "../datasheet.js";
import { lliBytes, type Pl08xVariant } from "../variant.js";
import type { Ahb, Burst } from "./ahb.js";
import { BREQ, LBREQ, LSREQ, SREQ } from "./request-line.js";
import { LATE_NANOS } from "./timing.js";

/** What a channel needs of the controller around it. */
export interface ChannelEnvironment {
  readonly platform: Platform;
  readonly variant: Pl08xVariant;
  readonly ahb: Ahb;
  /** Data of the one burst that is under way. */
  readonly burst: Burst;
  /** Masters that reach linked list items, and memory. */
  readonly lliBuses: number;
  readonly memBuses: number;
  /** Masters that reach the peripheral behind a request signal. */
  periphBuses(signal: number): number;
  /** The requests on a signal. */
  requests(signal: number): number;
  /** The requests on a signal have been served (`DMACCLR`). */
  served(signal: number): void;
  /** The configuration of a channel was written. */
  configured(channel: HwChannel): void;
  /** Faults: terminal count is told of another channel, and the controller is pulled out. */
  misreport(channel: HwChannel): void;
  pullOut(): void;
}

/** What a channel asks for that has nothing to move, or may not. */
export const NO_REQUEST = -1;
/** What a corrupted item has for addresses: there is nothing, and it is aligned to nothing. */
const CORRUPT_ADDR: DmaAddr = 0xffff_fffd;

/**
 * One channel of the hardware. It moves data in bursts, when the controller lets it: a burst reads at its beginning and writes at its end, so that
 * between the two its data is in the channel's FIFO.
 */
export class HwChannel {
  /** The channel's registers, at their place in the controller's region. */
  readonly registers: readonly MmioRegister[];
  /** Terminal count and error, before masking. */
  rawTc = false;
  rawErr = false;
  readonly #unit: string;
  readonly #environment: ChannelEnvironment;
  #src: DmaAddr = 0;
  #dst: DmaAddr = 0;
  #lli = 0;
  /** CONTROL without the transfer size, where that is a part of it. */
  #control = 0;
  /** Source accesses that this item has still to make. */
  #size = 0;
  /** CONFIG without ENABLE and ACTIVE. */
  #config = 0;
  #enabled = false;
  #active = false;

  /** The burst that is under way: its source accesses, whether they failed, and whether it is a peripheral's last one. */
  #elements = 0;
  #readFailed = false;
  #last = false;
  /** Time that the next burst takes longer, because it is the first one of its item. */
  #setupNanos = 0;
  /** Faults that have befallen the item: it goes no further, the bus does not answer it, its end is told of another channel. */
  #stuck = false;
  #unanswered = false;
  #misreported = false;
  /** Its interrupt is not delivered. */
  #interruptLost = false;
  readonly #words: Uint32Array<ArrayBuffer>;
  readonly #view: DataView;

  /** @param unit - its name in a fault plan. */
  constructor(index: number, unit: string, environment: ChannelEnvironment) {
    this.#unit = unit;
    this.#environment = environment;
    this.#words = new Uint32Array(lliBytes(environment.variant) / 4);
    this.#view = new DataView(this.#words.buffer);
    this.registers = this.#registersAt(channelBase(index), `C${index}`);
  }

  get enabled(): boolean {
    return this.#enabled;
  }

  get halted(): boolean {
    return (this.#config & CONFIG_HALT) !== 0;
  }

  /** Terminal count and error, after masking. */
  get tc(): boolean {
    return this.rawTc && (this.#config & CONFIG_TC_IRQ_MASK) !== 0;
  }

  get err(): boolean {
    return this.rawErr && (this.#config & CONFIG_ERR_IRQ_MASK) !== 0;
  }

  get interrupts(): boolean {
    return (this.tc || this.err) && !this.#interruptLost;
  }

  /** How many source accesses its next burst makes, or {@link NO_REQUEST}. */
  get elementsWanted(): number {
    return this.#enabled && !this.#stuck && !this.halted ? this.#elementsRequested() : NO_REQUEST;
  }

  reset(): void {
    this.#enabled = false;
    this.#active = false;
    this.#config = 0;
    this.clearTc();
    this.clearErr();
  }

  clearTc(): void {
    this.rawTc = false;
    this.#interruptLost = false;
  }

  clearErr(): void {
    this.rawErr = false;
    this.#interruptLost = false;
  }

  /** Notes its state, and returns what puts it back. */
  capture(): () => void {
    const { rawTc, rawErr } = this;
    const [src, dst, lli, control, size] = [this.#src, this.#dst, this.#lli, this.#control, this.#size];
    const [config, enabled, active] = [this.#config, this.#enabled, this.#active];
    const [elements, readFailed, last] = [this.#elements, this.#readFailed, this.#last];
    const [setupNanos, stuck, unanswered] = [this.#setupNanos, this.#stuck, this.#unanswered];
    const [misreported, interruptLost] = [this.#misreported, this.#interruptLost];
    return () => {
      Object.assign(this, { rawTc, rawErr });
      [this.#src, this.#dst, this.#lli, this.#control, this.#size] = [src, dst, lli, control, size];
      [this.#config, this.#enabled, this.#active] = [config, enabled, active];
      [this.#elements, this.#readFailed, this.#last] = [elements, readFailed, last];
      [this.#setupNanos, this.#stuck, this.#unanswered] = [setupNanos, stuck, unanswered];
      [this.#misreported, this.#interruptLost] = [misreported, interruptLost];
    };
  }

  /** Begins the burst of {@link elementsWanted}. Returns how long it takes, in nanoseconds. */
  beginBurst(elements: number): number {
    const { ahb, burst, platform } = this.#environment;
    const bytes = elements * this.#srcWidthBytes;
    const increments = (this.#control & CONTROL_SRC_INCR) !== 0;
    this.#elements = elements;
    this.#last = this.#isLastRequest();
    this.#readFailed =
      this.#unanswered ||
      !(this.#reachesSource() && ahb.read(this.#src, this.#srcWidthBytes, elements, increments, burst));
    if (!this.#readFailed && elements > 0) {
      this.#active = true;
      if (increments) this.#src += bytes;
    }
    const { copyBytesPerNano } = platform.meter.costs.engine;
    // The rate is that of reading and writing at the same time, which takes a master each.
    const bothMasters =
      ((this.#control & CONTROL_SRC_AHB2) !== 0) !== ((this.#control & CONTROL_DST_AHB2) !== 0);
    const nanos = this.#setupNanos + ((bothMasters ? 1 : 2) * bytes) / copyBytesPerNano.value;
    this.#setupNanos = 0;
    return Math.ceil(nanos);
  }

  /** Ends the burst that is under way. */
  endBurst(): void {
    const { ahb, burst } = this.#environment;
    const bytes = this.#elements * this.#srcWidthBytes;
    const writes = bytes / this.#dstWidthBytes;
    const increments = (this.#control & CONTROL_DST_INCR) !== 0;
    // Assumed: what is left over of a destination access at the end of an item is an error.
    const written =
      !this.#readFailed &&
      Number.isInteger(writes) &&
      this.#reachesDestination() &&
      ahb.write(this.#dst, this.#dstWidthBytes, writes, increments, burst);
    if (!written) {
      this.#fail();
      return;
    }
    this.#active = false;
    if (increments) this.#dst += bytes;
    const flow = this.#flow;
    if (sourceIsPeripheral(flow)) this.#environment.served(this.#srcSignal);
    if (destinationIsPeripheral(flow)) this.#environment.served(this.#dstSignal);
    if (flow < FLOW_SRC2DST_DST) {
      this.#size -= this.#elements;
      if (this.#size === 0) this.#endItem();
    } else if (this.#last) this.#endItem();
  }

  #registersAt(base: number, prefix: string): MmioRegister[] {
    const { variant } = this.#environment;
    const register = (
      name: string,
      offset: number,
      read: () => number,
      write: (value: number) => void,
    ): MmioRegister => ({ name: prefix + name, offset: base + offset, widthBytes: 4, read, write });
    const registers = [
      register(
        "SrcAddr",
        CH_SRC_ADDR,
        () => this.#src,
        (value) => {
          this.#src = value;
        },
      ),
      register(
        "DestAddr",
        CH_DST_ADDR,
        () => this.#dst,
        (value) => {
          this.#dst = value;
        },
      ),
      register(
        "LLI",
        CH_LLI,
        () => this.#lli,
        (value) => {
          this.#lli = value;
        },
      ),
      register(
        "Control",
        CH_CONTROL,
        () => (variant.control2 ? this.#control : (this.#control | this.#size) >>> 0),
        (value) => this.#writeControl(value),
      ),
      register(
        "Configuration",
        variant.configOffset,
        () => this.#config | (this.#enabled ? CONFIG_CH_ENABLE : 0) | (this.#active ? CONFIG_ACTIVE : 0),
        (value) => this.#writeConfig(value),
      ),
    ];
    if (!variant.control2) return registers;
    return [
      ...registers,
      register(
        "Control2",
        PL080S_CH_CONTROL2,
        () => this.#size,
        (value) => {
          this.#size = value & PL080S_CONTROL_TRANSFER_SIZE_MASK;
        },
      ),
    ];
  }

  #writeControl(value: number): void {
    if (this.#environment.variant.control2) this.#control = value;
    else {
      this.#control = (value & ~CONTROL_TRANSFER_SIZE_MASK) >>> 0;
      this.#size = value & CONTROL_TRANSFER_SIZE_MASK;
    }
  }

  #writeConfig(value: number): void {
    const wasEnabled = this.#enabled;
    this.#config = value & ~(CONFIG_CH_ENABLE | CONFIG_ACTIVE);
    this.#enabled = (value & CONFIG_CH_ENABLE) !== 0;
    // What was in the FIFO is lost.
    if (!this.#enabled) this.#active = false;
    if (this.#enabled && !wasEnabled) this.#takeUp();
    this.#environment.configured(this);
  }

  get #flow(): number {
    return (this.#config >>> CONFIG_FLOW_CONTROL_SHIFT) & CONFIG_FLOW_CONTROL_MASK;
  }

  get #srcSignal(): number {
    return (this.#config >>> CONFIG_SRC_SEL_SHIFT) & CONFIG_SEL_MASK;
  }

  get #dstSignal(): number {
    return (this.#config >>> CONFIG_DST_SEL_SHIFT) & CONFIG_SEL_MASK;
  }

  /** Wider ones than 32 bits are reserved. */
  get #srcWidthBytes(): number {
    return 1 << Math.min((this.#control >>> CONTROL_SWIDTH_SHIFT) & CONTROL_WIDTH_MASK, WIDTH_32BIT);
  }

  get #dstWidthBytes(): number {
    return 1 << Math.min((this.#control >>> CONTROL_DWIDTH_SHIFT) & CONTROL_WIDTH_MASK, WIDTH_32BIT);
  }

  #reachesSource(): boolean {
    const { memBuses } = this.#environment;
    const buses = sourceIsPeripheral(this.#flow) ? this.#environment.periphBuses(this.#srcSignal) : memBuses;
    return (buses & this.#master((this.#control & CONTROL_SRC_AHB2) !== 0)) !== 0;
  }

  #reachesDestination(): boolean {
    const { memBuses } = this.#environment;
    const buses = destinationIsPeripheral(this.#flow)
      ? this.#environment.periphBuses(this.#dstSignal)
      : memBuses;
    return (buses & this.#master((this.#control & CONTROL_DST_AHB2) !== 0)) !== 0;
  }

  /** With one master, the bits that choose one mean nothing. */
  #master(second: boolean): number {
    return second && this.#environment.variant.masters === 2 ? AHB2 : AHB1;
  }

  /** How many source accesses the next burst would make; {@link NO_REQUEST} when nobody asks for one. */
  #elementsRequested(): number {
    const control = this.#control;
    const srcWidth = this.#srcWidthBytes;
    const dstWidth = this.#dstWidthBytes;
    const srcBurst = BURST_ELEMENTS[(control >>> CONTROL_SB_SIZE_SHIFT) & CONTROL_BURST_MASK] as number;
    const dstBurst = BURST_ELEMENTS[(control >>> CONTROL_DB_SIZE_SHIFT) & CONTROL_BURST_MASK] as number;
    const flow = this.#flow;
    const fromPeripheral = sourceIsPeripheral(flow);
    const toPeripheral = destinationIsPeripheral(flow);
    let bytes = srcBurst * srcWidth;
    if (fromPeripheral) bytes = srcWidth * accesses(this.#environment.requests(this.#srcSignal), srcBurst);
    if (toPeripheral) {
      const wanted = dstWidth * accesses(this.#environment.requests(this.#dstSignal), dstBurst);
      bytes = fromPeripheral ? Math.min(bytes, wanted) : wanted;
    }
    if (bytes === 0) return NO_REQUEST;
    const unit = Math.max(srcWidth, dstWidth);
    const elements = (Math.ceil(bytes / unit) * unit) / srcWidth;
    return flow < FLOW_SRC2DST_DST ? Math.min(elements, this.#size) : elements;
  }

  /** Whether the peripheral that controls the flow says that this is its last burst, or last access. */
  #isLastRequest(): boolean {
    const flow = this.#flow;
    const fromSource = flow === FLOW_PER2MEM_PER || flow === FLOW_SRC2DST_SRC;
    const levels = this.#environment.requests(fromSource ? this.#srcSignal : this.#dstSignal);
    if ((levels & LBREQ) !== 0) return true;
    return (levels & (BREQ | LSREQ)) === LSREQ;
  }

  /** The item is done: on to the next one, or to rest. */
  #endItem(): void {
    if ((this.#control & CONTROL_TC_IRQ_EN) !== 0) this.#reportTc();
    if ((this.#lli & LLI_ADDR_MASK) === 0) this.#enabled = false;
    else this.#fetchItem();
  }

  #fetchItem(): void {
    const { ahb, lliBuses, variant } = this.#environment;
    const addr = (this.#lli & LLI_ADDR_MASK) >>> 0;
    const reached = (lliBuses & this.#master((this.#lli & LLI_LM_AHB2) !== 0)) !== 0;
    if (!reached || !ahb.fetch(addr, this.#words)) {
      this.#fail();
      return;
    }
    this.#src = this.#word(LLI_SRC);
    this.#dst = this.#word(LLI_DST);
    this.#lli = this.#word(LLI_LLI);
    this.#writeControl(this.#word(LLI_CONTROL));
    if (variant.control2) this.#size = this.#word(LLI_CONTROL2) & PL080S_CONTROL_TRANSFER_SIZE_MASK;
    this.#takeUp();
  }

  /** An item is in the registers: what is to go wrong with it is decided now. */
  #takeUp(): void {
    const { platform } = this.#environment;
    const { faults, meter } = platform;
    this.#setupNanos = meter.costs.engine.setupNanos.value;
    if (faults.strikes("unplug", this.#unit)) {
      this.#environment.pullOut();
      return;
    }
    this.#stuck = faults.strikes("stuckChannel", this.#unit);
    this.#unanswered = faults.strikes("busError", this.#unit);
    this.#misreported = faults.strikes("wrongCompletion", this.#unit);
    if (faults.strikes("lateCompletion", this.#unit)) this.#setupNanos += LATE_NANOS;
    if (faults.strikes("badDescriptor", this.#unit)) {
      this.#src = CORRUPT_ADDR;
      this.#dst = CORRUPT_ADDR;
    }
  }

  #reportTc(): void {
    if (this.#misreported) this.#environment.misreport(this);
    else {
      this.rawTc = true;
      this.#noteInterrupt();
    }
  }

  #noteInterrupt(): void {
    this.#interruptLost = this.#environment.platform.faults.strikes("lostInterrupt", this.#unit);
  }

  #word(n: number): number {
    return this.#view.getUint32(4 * n, true);
  }

  /** An error response disables the channel. Assumed: what is in the FIFO stays there until software disables it, too. */
  #fail(): void {
    this.rawErr = true;
    this.#enabled = false;
    this.#noteInterrupt();
  }
}

/** How many accesses a peripheral asks for. */
function accesses(levels: number, burst: number): number {
  if ((levels & (BREQ | LBREQ)) !== 0) return burst;
  return (levels & (SREQ | LSREQ)) !== 0 ? 1 : 0;
}
