import type { DmaAddr } from "@dmaengine/core/driver";
import { ClockEvent, type Platform } from "@dmaengine/sim";
import { BREQ, DmaRequestLine, LBREQ, LSREQ, SREQ } from "./request-line.js";

/** How a peripheral is made. */
export interface FifoPeripheralOptions {
  /** For messages. */
  readonly name: string;
  /** Width of its data register. Default 1. */
  readonly widthBytes?: 1 | 2 | 4;
  /** How many accesses each of its FIFOs holds. Default 16. */
  readonly depth?: number;
  /** It asks for a burst when this many accesses are possible, else for single ones. Default 4. */
  readonly burst?: number;
  /** How long what one access carries takes on the wire, in nanoseconds. Default 1000. */
  readonly accessNanos?: number;
  /** A message's length, in accesses: its last request is marked as such, as flow control by the peripheral wants it. Default: there are no messages. */
  readonly messageAccesses?: number;
}

/**
 * A simulated peripheral with one data register: a serial port in miniature. What is written to the register waits in a FIFO and leaves on the wire, what
 * comes in on the wire waits in another one to be read. Each has a request line. What arrives while the FIFO is full waits on the wire.
 */
export class FifoPeripheral {
  /** Bus address of the data register. */
  readonly addr: DmaAddr;
  /** To be connected to request signals of a controller. */
  readonly txRequests = new DmaRequestLine();
  readonly rxRequests = new DmaRequestLine();
  readonly #platform: Platform;
  readonly #widthBytes: number;
  readonly #depth: number;
  readonly #burst: number;
  readonly #accessNanos: number;
  readonly #messageAccesses: number;
  readonly #sent: number[] = [];
  readonly #arriving: number[] = [];
  readonly #tx: number[] = [];
  readonly #rx: number[] = [];
  #txLeft: number;
  #rxLeft: number;
  #overruns = 0;
  #underruns = 0;
  readonly #send = new ClockEvent(() => this.#sendOne());
  readonly #receive = new ClockEvent(() => this.#receiveOne());

  constructor(platform: Platform, options: FifoPeripheralOptions) {
    const { name, widthBytes = 1, depth = 16, burst = 4, accessNanos = 1000 } = options;
    this.#platform = platform;
    this.#widthBytes = widthBytes;
    this.#depth = depth;
    this.#burst = burst;
    this.#accessNanos = accessNanos;
    this.#messageAccesses = options.messageAccesses ?? Number.POSITIVE_INFINITY;
    this.#txLeft = this.#messageAccesses;
    this.#rxLeft = this.#messageAccesses;
    this.addr = platform.bus.attach(name, widthBytes, [
      { name: "DR", offset: 0, widthBytes, read: () => this.#pop(), write: (value) => this.#push(value) },
    ]);
    platform.addState(() => this.#capture());
    this.#driveTx();
  }

  /** What has left on the wire so far. A copy. */
  get sent(): Uint8Array {
    return Uint8Array.from(this.#sent);
  }

  /** Writes that were lost because the FIFO was full. */
  get overruns(): number {
    return this.#overruns;
  }

  /** Reads that found the FIFO empty. */
  get underruns(): number {
    return this.#underruns;
  }

  /** Data comes in on the wire: whole accesses. */
  receive(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += this.#widthBytes) {
      let value = 0;
      for (let n = 0; n < this.#widthBytes; n++) value |= (bytes[at + n] ?? 0) << (8 * n);
      this.#arriving.push(value >>> 0);
    }
    this.#listen();
  }

  #capture(): () => void {
    const queues = [this.#sent, this.#arriving, this.#tx, this.#rx].map(
      (queue) => [queue, [...queue]] as const,
    );
    const [txLeft, rxLeft] = [this.#txLeft, this.#rxLeft];
    const [overruns, underruns] = [this.#overruns, this.#underruns];
    return () => {
      for (const [queue, content] of queues) queue.splice(0, queue.length, ...content);
      [this.#txLeft, this.#rxLeft] = [txLeft, rxLeft];
      [this.#overruns, this.#underruns] = [overruns, underruns];
      this.txRequests.restore(this.#levels(this.#depth - this.#tx.length, this.#txLeft));
      this.rxRequests.restore(this.#levels(this.#rx.length, this.#rxLeft));
    };
  }

  #push(value: number): void {
    if (this.#tx.length === this.#depth) {
      this.#overruns += 1;
      return;
    }
    this.#tx.push(value);
    this.#txLeft = this.#txLeft === 1 ? this.#messageAccesses : this.#txLeft - 1;
    if (!this.#send.pending) this.#platform.clock.schedule(this.#accessNanos, this.#send);
    this.#driveTx();
  }

  #sendOne(): void {
    const value = this.#tx.shift() ?? 0;
    for (let n = 0; n < this.#widthBytes; n++) this.#sent.push((value >>> (8 * n)) & 0xff);
    if (this.#tx.length > 0) this.#platform.clock.schedule(this.#accessNanos, this.#send);
    this.#driveTx();
  }

  #pop(): number {
    const value = this.#rx.shift();
    if (value === undefined) {
      this.#underruns += 1;
      return 0;
    }
    this.#rxLeft = this.#rxLeft === 1 ? this.#messageAccesses : this.#rxLeft - 1;
    this.#listen();
    this.#driveRx();
    return value;
  }

  #listen(): void {
    if (this.#receive.pending || this.#arriving.length === 0 || this.#rx.length === this.#depth) return;
    this.#platform.clock.schedule(this.#accessNanos, this.#receive);
  }

  #receiveOne(): void {
    const value = this.#arriving.shift();
    if (value !== undefined) this.#rx.push(value);
    this.#listen();
    this.#driveRx();
  }

  #driveTx(): void {
    this.txRequests.drive(this.#levels(this.#depth - this.#tx.length, this.#txLeft));
  }

  #driveRx(): void {
    this.rxRequests.drive(this.#levels(this.#rx.length, this.#rxLeft));
  }

  /** What to ask for when `possible` accesses are, and the message has `left` to go. */
  #levels(possible: number, left: number): number {
    if (possible === 0) return 0;
    if (possible >= this.#burst && left >= this.#burst) return left === this.#burst ? LBREQ : BREQ;
    return left === 1 ? LSREQ : SREQ;
  }
}
