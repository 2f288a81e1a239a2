import type { DmaTx, DmaTxDescriptor } from "../descriptor.js";
import type { DmaAddr } from "../mapping/domain.js";
import type { SlaveCapabilities } from "../slave.js";
import type { CyclicOperation } from "./cyclic.js";
import type { ImmDataOperation } from "./imm-data.js";
import type { InterleavedOperation } from "./interleaved.js";
import type { InterruptOperation } from "./interrupt.js";
import type { MemcpyOperation } from "./memcpy.js";
import type { MemsetOperation } from "./memset.js";
import type { MemsetSgOperation } from "./memset-sg.js";
import type { PqOperation } from "./pq.js";
import type { PqValOperation } from "./pq-val.js";
import type { SlaveSgOperation } from "./slave-sg.js";
import type { XorOperation } from "./xor.js";
import type { XorValOperation } from "./xor-val.js";

/**
 * Every operation that a channel can have, by name. The set is open: a plugin merges a member into this interface and
 * brings the {@link OperationDefinition} along with its driver.
 *
 * A member tells three types:
 * - `args`: what a descriptor of this operation carries to the driver,
 * - `limits`: what a capability record says about it,
 * - `prep`: the call that clients see as `prep<Name>` on a channel,
 *
 * and `slave: true` if the operation moves data from or to a peripheral, which makes `config` a part of its channels.
 */
export interface DmaOperations {
  /** Memory to memory copy: `DMA_MEMCPY`. */
  memcpy: MemcpyOperation;
  /** Fill with one byte: `DMA_MEMSET`. */
  memset: MemsetOperation;
  /** Xor of sources into a destination: `DMA_XOR`. */
  xor: XorOperation;
  /** Check that sources xor to zero: `DMA_XOR_VAL`. */
  xorVal: XorValOperation;
  /** RAID-6 P and Q: `DMA_PQ`. */
  pq: PqOperation;
  /** Check RAID-6 P and Q: `DMA_PQ_VAL`. */
  pqVal: PqValOperation;
  /** A completion without a transfer: `DMA_INTERRUPT`. */
  interrupt: InterruptOperation;
  /** Fill of several segments with one byte: `DMA_MEMSET_SG`. */
  memsetSg: MemsetSgOperation;
  /** Write of 8 bytes that travel in the descriptor (`device_prep_dma_imm_data`). */
  immData: ImmDataOperation;
  /** Transfer of frames of chunks with gaps between them: `DMA_INTERLEAVE`. */
  interleaved: InterleavedOperation;
  /** Transfer between a peripheral and segments of memory: `DMA_SLAVE`. */
  slaveSg: SlaveSgOperation;
  /** Endless transfer between a peripheral and a ring of periods: `DMA_CYCLIC`. */
  cyclic: CyclicOperation;
}

/** The name of an operation, in camelCase: `"memcpy"`, `"xorVal"` … */
export type DmaOperation = keyof DmaOperations & string;

/** Those that move data from or to a peripheral. */
export type SlaveOperation = {
  [Op in DmaOperation]: DmaOperations[Op] extends { readonly slave: true } ? Op : never;
}[DmaOperation];

/** What a capability record says of an operation. */
export type OperationLimits<Op extends DmaOperation> = DmaOperations[Op]["limits"];

/** What a descriptor of this operation carries. Filled in before the driver sees it. */
export type OperationArgs<Op extends DmaOperation> = DmaOperations[Op]["args"];

/** Limits that every operation on blocks of memory may have. */
export interface BlockLimits {
  /** Addresses and lengths must be multiples of this power of two. Default 1. */
  readonly alignBytes?: number;
  /** Shortest length in bytes. Default 1. */
  readonly minLengthBytes?: number;
  /** Longest length in bytes. Default: no limit. */
  readonly maxLengthBytes?: number;
}

/** Called with each range of device memory that a transaction reads or writes. */
export type RangeVisitor = (addr: DmaAddr, lengthBytes: number) => void;

/** Device memory for a reference implementation: slow, plain, byte by byte. */
export interface ReferenceMemory {
  read(addr: DmaAddr): number;
  write(addr: DmaAddr, value: number): void;
  /** The other end of a transfer from or to a peripheral. Needed for these only. */
  readonly peripheral?: ReferencePeripheral;
}

/** A peripheral for a reference implementation: a register that gives and takes bytes. */
export interface ReferencePeripheral {
  read(): number;
  write(value: number): void;
}

/** One operation of one channel, as its prep call sees it. */
export interface OperationPort<Op extends DmaOperation> {
  readonly limits: OperationLimits<Op>;
  /** What the device says of transfers from and to peripherals; null if it has none. */
  readonly slave: SlaveCapabilities | null;
  /** Takes a free descriptor. Null when all are in use. */
  begin(flags: number): DmaTx<Op> | null;
  /**
   * Asks the driver whether it has room for the transaction, whose `args` are complete. Null when it hasn't.
   * `lengthBytes` is what the statistics count.
   */
  end(tx: DmaTx<Op>, lengthBytes: number): DmaTxDescriptor | null;
}

/** All that the framework knows of an operation. */
export interface OperationDefinition<Op extends DmaOperation> {
  readonly name: Op;
  /** Whether it moves data from or to a peripheral. Its devices describe such transfers and its channels have `config`. Default false. */
  readonly slave?: boolean;
  /** Makes the argument record of a descriptor: once for each descriptor, then filled in again and again. */
  createArgs(limits: OperationLimits<Op>): OperationArgs<Op>;
  /**
   * Makes the call that clients see. It checks the arguments against `port.limits` (`ERR_DMA_LIMIT`), takes a descriptor with
   * `port.begin`, fills its `args` and hands it to `port.end`. It must allocate nothing.
   */
  bind(port: OperationPort<Op>): DmaOperations[Op]["prep"];
  /** The ranges that the device will read. */
  reads(args: OperationArgs<Op>, flags: number, visit: RangeVisitor): void;
  /** The ranges that the device will write. */
  writes(args: OperationArgs<Op>, flags: number, visit: RangeVisitor): void;
  /** What the operation means, in the plainest code: the truth that drivers are checked against. */
  reference(args: OperationArgs<Op>, flags: number, memory: ReferenceMemory): void;
}

/** A definition of whichever operation. */
export type AnyOperationDefinition = { [Op in DmaOperation]: OperationDefinition<Op> }[DmaOperation];

/** `"xorVal"` -> `"prepXorVal"`: the name of an operation's prep call, at both doors. */
export type PrepName<Op extends DmaOperation> = `prep${Capitalize<Op>}`;

export function prepName<Op extends DmaOperation>(name: Op): PrepName<Op> {
  return `prep${name.charAt(0).toUpperCase()}${name.slice(1)}` as PrepName<Op>;
}
