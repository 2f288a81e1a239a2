/**
 * What the units of these processors have in common: they follow a chain of descriptors and load each, word by word, into their registers.
 *
 * @module
 */

/** Descriptors are built from slots of this size (`IOP_ADMA_SLOT_SIZE`). */
export const SLOT_BYTES = 32;
export const SLOT_WORDS = 8;
/** In every format, word 0 is the address of the next descriptor; 0 ends the chain. */
export const WORD_NEXT = 0;
/** The byte count has 24 bits. */
export const MAX_COUNT = 0xff_ffff;

/** In every control register: the unit works. */
export const CONTROL_ENABLE = 1 << 0;
/** In every control register: at the end of the chain, read the last descriptor's next word again ("append" on the ADMA). */
export const CONTROL_RESUME = 1 << 1;

/** A register: its name in the datasheet, and its offset from the start of the unit's own block. */
interface NamedRegister {
  readonly name: string;
  readonly offset: number;
}

/** The registers of a kind of unit. */
export interface UnitRegisters {
  readonly control: NamedRegister;
  /** Write 1 to clear; but {@link active} follows the unit. */
  readonly status: NamedRegister;
  /** Address of the current descriptor. */
  readonly current: NamedRegister;
  /** Where the first of {@link words} is. */
  readonly nextOffset: number;
  /** The registers that a descriptor is loaded into: the names by word, one behind the other. */
  readonly words: readonly string[];

  // Bits of the status register:
  /** An interrupting descriptor is done, and it was the last of the chain. */
  readonly endOfChain: number;
  /** An interrupting descriptor is done, and the chain goes on. */
  readonly endOfTransfer: number;
  readonly active: number;
  /** Everything that stops the unit and raises its error interrupt. */
  readonly errors: number;
}

/** `Array.from` for register names: `SAR1`, `SAR2` … */
export function numbered(name: string, from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => `${name}${from + i}`);
}
