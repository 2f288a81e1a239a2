import type { Capabilities, DmaTx } from "@dmaengine/core/driver";
import type { UnitRegisters } from "../datasheet/unit.js";
import type { IopOperation } from "../variant.js";

/** A transaction of any operation; `operation` tells which. */
export type IopTx = { [Op in IopOperation]: DmaTx<Op> }[IopOperation];

/**
 * What one kind of unit wants from the driver: how transactions become descriptors, and results come back. A descriptor is a run of
 * slots, beginning at index `at` of `words`.
 */
export interface DescriptorFormat {
  readonly registers: UnitRegisters;
  /** What the unit can do, if its processor lets it; see {@link UnitVariant}. */
  readonly limits: Partial<Capabilities<IopOperation>>;
  /** Slots of the longest descriptor. */
  readonly mostSlots: number;
  /** Whether a descriptor of n slots must begin at a multiple of n. */
  readonly aligned: boolean;
  /** The first source, which the unit's register counts on from when it has read it. */
  readonly sourceWord: number;
  /** Errors that are of the descriptor and not of the memory that it names. */
  readonly descriptorErrors: number;
  /** How many slots each of a transaction's descriptors takes. */
  slots(tx: IopTx): number;
  /** How many descriptors a transaction takes. */
  pieces(tx: IopTx): number;
  /** Writes descriptor number `piece` of a transaction, but for its next word. The slots are all zero. */
  write(words: Uint32Array, at: number, tx: IopTx, piece: number): void;
  /** Writes a descriptor that does nothing. */
  writeNull(words: Uint32Array, at: number): void;
  /** What a checking descriptor found, as `SumCheck.flags`; null if the unit has not written it. */
  verdict(words: Uint32Array, at: number): number | null;
}
