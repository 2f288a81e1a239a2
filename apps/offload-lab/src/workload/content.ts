import { gfExp, gfMulTable } from "@dmaengine/core";
import { Geometry } from "@dmaengine/raid456";
import { SeededRandom } from "@dmaengine/sim";
import type { ArrayShape, Workload } from "./workload.js";

/** The same bytes for the same seed. */
export function seededBytes(lengthBytes: number, seed: number): Uint8Array {
  const random = new SeededRandom(seed);
  const words = new Uint32Array(Math.ceil(lengthBytes / 4));
  for (let i = 0; i < words.length; i++) words[i] = random.below(2 ** 32);
  return new Uint8Array(words.buffer, 0, lengthBytes);
}

/** What the array holds, byte by byte, and what its members have to hold for that, by the definitions of P and Q. */
export class ExpectedArray {
  /** The array's bytes. */
  readonly content: Uint8Array;
  readonly #geometry: Geometry;

  constructor({ array, contentSeed }: Workload) {
    this.#geometry = new Geometry(array satisfies ArrayShape);
    this.content = seededBytes(this.#geometry.arrayBytes, contentSeed);
  }

  /** The members' bytes, by slot. */
  members(): Uint8Array[] {
    const { raidDisks, memberBytes, chunkBytes, stripes, dataDisks, stripeDataBytes } = this.#geometry;
    const members = Array.from({ length: raidDisks }, () => new Uint8Array(memberBytes));
    const chunkOf = (slot: number, stripe: number): Uint8Array =>
      (members[slot] as Uint8Array).subarray(stripe * chunkBytes, (stripe + 1) * chunkBytes);
    for (let stripe = 0; stripe < stripes; stripe++) {
      const row = this.#geometry.row(stripe);
      for (let index = 0; index < dataDisks; index++) {
        const at = stripe * stripeDataBytes + index * chunkBytes;
        const data = this.content.subarray(at, at + chunkBytes);
        chunkOf(row.data[index] as number, stripe).set(data);
        addProduct(chunkOf(row.p, stripe), data, 1);
        if (row.q >= 0) addProduct(chunkOf(row.q, stripe), data, gfExp(row.exponents[index] as number));
      }
    }
    return members;
  }
}

/** How many bytes differ. */
export function wrongBytes(actual: Uint8Array, expected: Uint8Array): number {
  let wrong = 0;
  for (let i = 0; i < expected.length; i++) if (actual[i] !== expected[i]) wrong += 1;
  return wrong;
}

function addProduct(to: Uint8Array, from: Uint8Array, coefficient: number): void {
  const products = gfMulTable(coefficient);
  for (let i = 0; i < to.length; i++) to[i] = (to[i] as number) ^ (products[from[i] as number] as number);
}
