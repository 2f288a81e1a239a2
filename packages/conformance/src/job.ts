import {
  type ChannelPreps,
  type DmaAddr,
  type DmaChanControl,
  type DmaCookie,
  type DmaDevice,
  DmaDirection,
  type DmaOperation,
  type DmaTxDescriptor,
  type DmaUnmapData,
  type OperationLimits,
} from "@dmaengine/core";
import type { Exercise, Prepared, Shape } from "./exercises/exercise.js";
import { type Layout, layoutInWords } from "./layout.js";
import type { Random } from "./random.js";
import { type Expectation, type OperandRange, runReference } from "./reference.js";

/** A channel of whichever operations. */
export type AnyChan = Omit<DmaChanControl<DmaOperation>, "limits">;

/** One transaction to try: which call, on how much memory, and where. */
export interface Trial {
  readonly shape: Shape;
  readonly lengthBytes: number;
  readonly layout: Layout;
  /** Prep flags about completion and order: `DMA_CTRL_ACK`, `DMA_PREP_INTERRUPT`, `DMA_PREP_FENCE`. */
  readonly flags: number;
}

/** A buffer with one or more operands in it, and guard bytes around them. */
interface Buffer {
  readonly bytes: Uint8Array;
  /** What it held before the transaction. */
  initial: Uint8Array;
  /** What it must hold afterwards. */
  expected: Uint8Array;
}

interface Operand {
  readonly buffer: Buffer;
  /** Where the operand starts in its buffer. */
  readonly at: number;
}

/** What the engine's checker fills memory with that a device is to write: found there afterwards, it was not written. */
const CHECKER_POISON = 0x5a;
/** An unmap record holds this many addresses at most. */
const MAX_UNMAP_ADDRESSES = 256;

/**
 * One transaction from its memory to its verdict: lays operands out, maps them, prepares the transaction, and when it has ended compares
 * every byte of every buffer with what the reference implementation made of it.
 */
export class Job {
  /** Null when the channel had no room; the job is of no use then, except to be finished. */
  readonly tx: DmaTxDescriptor | null;
  readonly #device: DmaDevice;
  readonly #title: string;
  readonly #layout: Layout;
  readonly #lengthBytes: number;
  readonly #buffers: Buffer[] = [];
  readonly #operands: Operand[];
  readonly #expectation: Expectation;
  readonly #unmaps: DmaUnmapData[] = [];
  readonly #verdict: Prepared["verdict"];

  /**
   * @param substitute - gives the address that the transaction gets for operand `i`, which was mapped at `addr`: to break it.
   */
  constructor(
    chan: AnyChan,
    exercise: Exercise,
    trial: Trial,
    random: Random,
    substitute: (operand: number, addr: DmaAddr) => DmaAddr = (_operand, addr) => addr,
  ) {
    const { shape, lengthBytes, layout } = trial;
    const { definition } = exercise;
    this.#device = chan.device;
    this.#layout = layout;
    this.#lengthBytes = lengthBytes;
    this.#title = `${chan.name} ${definition.name}, ${shape.title}, ${lengthBytes} bytes, ${layoutInWords(layout)}`;
    this.#operands = this.#layOut(shape.operands);
    for (const { bytes } of this.#buffers) random.fill(bytes);
    shape.arrange?.(this.#operands.map(({ buffer, at }) => buffer.bytes.subarray(at, at + lengthBytes)));
    this.#keepCopies();

    const flags = shape.flags | trial.flags;
    const prepare = (preps: ChannelPreps<DmaOperation>, addrs: readonly DmaAddr[]): Prepared =>
      shape.prepare(preps, addrs, lengthBytes, flags);
    this.#expectation = runReference(
      definition,
      chan.device.capabilities[definition.name] as OperationLimits<DmaOperation>,
      this.#operands.map(({ buffer, at }) => buffer.expected.subarray(at, at + lengthBytes)),
      prepare,
    );
    const addrs = this.#map().map((addr, i) => substitute(i, addr));
    try {
      const { tx, verdict } = prepare(chan as unknown as ChannelPreps<DmaOperation>, addrs);
      this.tx = tx;
      this.#verdict = verdict;
    } catch (error) {
      for (const unmap of this.#unmaps) unmap.put();
      throw error;
    }
    if (this.#unmaps[0] !== undefined) this.tx?.setUnmap(this.#unmaps[0]);
  }

  /** For messages. */
  toString(): string {
    return this.#title;
  }

  /** Leaves the mappings to the transaction: when it ends, they end. Only where one unmap record holds them all. */
  letGo(): void {
    for (const unmap of this.#unmaps.splice(0)) unmap.put();
  }

  submit(): DmaCookie {
    if (this.tx === null) throw new TypeError(`${this}: was not prepared`);
    return this.tx.submit();
  }

  /**
   * Takes the memory back. Call it once, when the transaction has ended or will never be submitted.
   *
   * @param outcome - `done`: everything must be as the reference says. `undefined`: the transaction failed, was aborted or never ran,
   *   so what it was to write may hold anything; nothing else may have changed.
   * @returns what is wrong.
   */
  finish(outcome: "done" | "undefined"): string[] {
    const problems = this.#unmap();
    problems.push(...this.#buffers.flatMap((buffer) => this.#compare(buffer, outcome)));
    const verdict = this.#verdict?.();
    if (outcome === "done" && verdict !== this.#expectation.verdict) {
      problems.push(`expected the verdict ${this.#expectation.verdict}, got ${verdict}`);
    }
    if (this.#layout.memory === "allocated") {
      for (const { bytes } of this.#buffers) this.#device.free(bytes);
    }
    return problems.map((problem) => `${this}: ${problem}`);
  }

  /** Takes the mappings back. What the checker says to that is one problem among others: comparing may tell more. */
  #unmap(): string[] {
    const problems: string[] = [];
    for (const unmap of this.#unmaps.splice(0)) {
      try {
        unmap.put();
      } catch (error) {
        problems.push(error instanceof Error ? error.message : String(error));
      }
    }
    return problems;
  }

  /** A fingerprint of all its memory, to see whether anything changes. */
  snapshot(): number {
    let hash = 0;
    for (const { bytes } of this.#buffers) {
      for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
    }
    return hash;
  }

  #layOut(count: number): Operand[] {
    const { memory, beforeBytes, afterBytes } = this.#layout;
    const sizes = Array.from({ length: count }, (_, i) => beforeBytes(i) + this.#lengthBytes + afterBytes(i));
    if (memory === "arena") {
      // Each slot starts on a 64-byte line, so that its operand is as aligned as the guard before it.
      const starts: number[] = [];
      let end = 0;
      for (const size of sizes) {
        starts.push(end);
        end += Math.ceil(size / 64) * 64;
      }
      const buffer = this.#addBuffer(new Uint8Array(end));
      return starts.map((start, i) => ({ buffer, at: start + beforeBytes(i) }));
    }
    return sizes.map((size, i) => {
      const bytes = memory === "allocated" ? this.#device.alloc(size) : new Uint8Array(size);
      return { buffer: this.#addBuffer(bytes), at: beforeBytes(i) };
    });
  }

  /** Notes what the buffers hold, twice each. One allocation for all: it costs more than the copying. */
  #keepCopies(): void {
    const total = this.#buffers.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const copies = new ArrayBuffer(2 * total);
    let at = 0;
    for (const buffer of this.#buffers) {
      const { bytes } = buffer;
      buffer.initial = new Uint8Array(copies, at, bytes.length);
      buffer.expected = new Uint8Array(copies, total + at, bytes.length);
      buffer.initial.set(bytes);
      buffer.expected.set(bytes);
      at += bytes.length;
    }
  }

  #addBuffer(bytes: Uint8Array): Buffer {
    const buffer = { bytes, initial: bytes, expected: bytes };
    this.#buffers.push(buffer);
    return buffer;
  }

  /** Maps what the operation touches and tells the operands' addresses; 0 for those that it doesn't. */
  #map(): DmaAddr[] {
    const { reads, writes } = this.#expectation;
    const mapped: { addr: DmaAddr; lengthBytes: number; direction: DmaDirection }[] = [];
    const addrs = this.#operands.map((operand, i) => {
      const isRead = reads.some((range) => range.operand === i);
      const isWritten = writes.some((range) => range.operand === i);
      if (!isRead && !isWritten) return 0;
      const whole = this.#layout.mapping === "whole";
      const direction = !isWritten
        ? DmaDirection.TO_DEVICE
        : isRead || whole || !covers(writes, i, this.#lengthBytes)
          ? DmaDirection.BIDIRECTIONAL
          : DmaDirection.FROM_DEVICE;
      const { bytes } = operand.buffer;
      const lengthBytes = whole ? bytes.length : this.#lengthBytes;
      const addr = whole
        ? this.#device.mapSingle(bytes, direction)
        : this.#layout.memory === "arena"
          ? this.#device.mapSingle(bytes.subarray(operand.at, operand.at + lengthBytes), direction)
          : this.#device.mapPage(bytes, operand.at, lengthBytes, direction);
      if (this.#device.mappingError(addr)) {
        this.#record(mapped);
        for (const unmap of this.#unmaps) unmap.put();
        throw new Error(`${this}: ${this.#device.name} can't map ${lengthBytes} bytes`);
      }
      mapped.push({ addr, lengthBytes, direction });
      return whole ? addr + operand.at : addr;
    });
    this.#record(mapped);
    return addrs;
  }

  /** Notes mappings in unmap records, of which each has one length for all. */
  #record(mapped: readonly { addr: DmaAddr; lengthBytes: number; direction: DmaDirection }[]): void {
    for (const lengthBytes of new Set(mapped.map((mapping) => mapping.lengthBytes))) {
      const same = mapped.filter((mapping) => mapping.lengthBytes === lengthBytes);
      for (let from = 0; from < same.length; from += MAX_UNMAP_ADDRESSES) {
        const part = same.slice(from, from + MAX_UNMAP_ADDRESSES);
        const unmap = this.#device.getUnmapData(part.length);
        unmap.len = lengthBytes;
        const of = (direction: DmaDirection): DmaAddr[] =>
          part.filter((mapping) => mapping.direction === direction).map(({ addr }) => addr);
        const to = of(DmaDirection.TO_DEVICE);
        const fromDevice = of(DmaDirection.FROM_DEVICE);
        const bidi = of(DmaDirection.BIDIRECTIONAL);
        unmap.addr.set([...to, ...fromDevice, ...bidi]);
        unmap.toCnt = to.length;
        unmap.fromCnt = fromDevice.length;
        unmap.bidiCnt = bidi.length;
        this.#unmaps.push(unmap);
      }
    }
  }

  #compare(buffer: Buffer, outcome: "done" | "undefined"): string[] {
    /** By kind of mismatch: the first one, and how many there are. */
    const found = new Map<string, { text: string; count: number }>();
    for (let i = 0; i < buffer.bytes.length; i++) {
      const actual = buffer.bytes[i] as number;
      const initial = buffer.initial[i] as number;
      const expected = outcome === "done" ? (buffer.expected[i] as number) : initial;
      if (actual === expected) continue;
      const place = this.#placeOf(buffer, i);
      if (place.written && outcome === "undefined") continue;
      const kind = place.written
        ? actual === initial || actual === CHECKER_POISON
          ? "was not written"
          : "is wrong"
        : place.read
          ? "of a source was overwritten"
          : "outside of what may be written was overwritten";
      const before = found.get(kind);
      if (before !== undefined) before.count += 1;
      else {
        const text = `${place.text} ${kind}: expected ${hex(expected)}, got ${hex(actual)}`;
        found.set(kind, { text, count: 1 });
      }
    }
    return [...found.values()].map(({ text, count }) =>
      count === 1 ? text : `${text}, and ${count - 1} more of this kind`,
    );
  }

  /** What byte `i` of a buffer is to the transaction. */
  #placeOf(buffer: Buffer, i: number): { text: string; read: boolean; written: boolean } {
    const number = this.#operands.findIndex(
      ({ buffer: own, at }) => own === buffer && i >= at && i < at + this.#lengthBytes,
    );
    if (number < 0) {
      return { text: `guard byte ${i} of a buffer of ${buffer.bytes.length}`, read: false, written: false };
    }
    const at = i - (this.#operands[number] as Operand).at;
    const holds = ({ operand, fromByte, lengthBytes }: OperandRange): boolean =>
      operand === number && at >= fromByte && at < fromByte + lengthBytes;
    return {
      text: `byte ${at} of operand ${number}`,
      read: this.#expectation.reads.some(holds),
      written: this.#expectation.writes.some(holds),
    };
  }
}

/** Whether the ranges of one operand cover it from end to end. */
function covers(ranges: readonly OperandRange[], operand: number, lengthBytes: number): boolean {
  const own = ranges.filter((range) => range.operand === operand);
  const covered = own.reduce((sum, range) => sum + range.lengthBytes, 0);
  return covered >= lengthBytes;
}

function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, "0")}`;
}
