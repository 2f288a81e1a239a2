import type { EngineCosts } from "@dmaengine/sim";
import type { UnitRegisters } from "../datasheet/unit.js";

/**
 * What makes one kind of unit differ from another: what a descriptor means to it. `words` are the registers that the descriptor was loaded
 * into; word 0 is the first.
 */
export interface Unit {
  readonly registers: UnitRegisters;
  /** The error bit for an address that nothing answers. */
  readonly masterAbort: number;
  /** The control word. All ones in it are an error to the unit. */
  readonly controlWord: number;
  /** What a descriptor's address must be a multiple of, by the words of its first slot. Assumed: otherwise the unit can't read it. */
  alignBytes(words: Uint32Array): number;
  /** How many words the descriptor has, by those of its first slot. */
  wordCount(words: Uint32Array): number;
  /** How long it takes. */
  nanos(words: Uint32Array, costs: EngineCosts): number;
  /**
   * Does the descriptor's work. Returns 0, or error bits of the status register, and then it has written nothing. The source registers have
   * moved on if, and only if, all sources were read. A result goes into the word that {@link writeBackWord} tells.
   */
  execute(words: Uint32Array): number;
  interrupts(words: Uint32Array): boolean;
  /** Which word the unit writes back to memory when it is done; -1 for none. */
  writeBackWord(words: Uint32Array): number;
}
