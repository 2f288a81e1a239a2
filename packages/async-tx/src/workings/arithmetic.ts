/**
 * What the CPU computes where no engine does: everything in RAID-6 is a sum of products in GF(2^8), and a copy or a xor is one with factors
 * of 1.
 *
 * @module
 */
import { gfMulTable } from "@dmaengine/core";
import type { Block } from "./map-blocks.js";

/** A block and the factor that it is multiplied by. */
export interface Term {
  readonly block: Block;
  readonly factor: number;
}

/** The tables of the factors used so far. */
const tables = new Map<number, Uint8Array>();

function tableOf(factor: number): Uint8Array {
  let table = tables.get(factor);
  if (table === undefined) {
    table = gfMulTable(factor);
    tables.set(factor, table);
  }
  return table;
}

/** The bytes of a block. */
export function bytesOf({ page, offset }: Block, lengthBytes: number): Uint8Array {
  return page.subarray(offset, offset + lengthBytes);
}

/** The sum of all terms, in memory of its own. */
export function sumOf(terms: readonly Term[], lengthBytes: number): Uint8Array {
  const sum = new Uint8Array(lengthBytes);
  for (const { block, factor } of terms) {
    const source = bytesOf(block, lengthBytes);
    if (factor === 1) for (let i = 0; i < lengthBytes; i++) (sum[i] as number) ^= source[i] as number;
    else {
      const table = tableOf(factor);
      for (let i = 0; i < lengthBytes; i++) (sum[i] as number) ^= table[source[i] as number] as number;
    }
  }
  return sum;
}

/** Writes a sum to where it belongs. */
export function store(sum: Uint8Array, { page, offset }: Block): void {
  page.set(sum, offset);
}
