import { gfExp, gfMulTable } from "@dmaengine/core";
import { type ArrayMember, type Geometry, MemoryMember } from "../index.js";

/** Deterministic bytes: mulberry32. */
export function randomBytes(length: number, seed: number): Uint8Array {
  let state = seed >>> 0;
  return Uint8Array.from({ length }, () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) & 0xff;
  });
}

/** Whether both are equally long and hold the same. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** What the members of an array with this content hold, computed byte by byte from the definitions of P and Q. */
export function membersOf(geometry: Geometry, content: Uint8Array): Uint8Array[] {
  const members = Array.from({ length: geometry.raidDisks }, () => new Uint8Array(geometry.memberBytes));
  for (let stripe = 0; stripe < geometry.stripes; stripe++) {
    const row = geometry.row(stripe);
    const products = row.exponents.map((exponent) => gfMulTable(gfExp(exponent)));
    for (let offset = 0; offset < geometry.chunkBytes; offset++) {
      const at = stripe * geometry.chunkBytes + offset;
      let p = 0;
      let q = 0;
      row.data.forEach((slot, k) => {
        const byte = content[stripe * geometry.stripeDataBytes + k * geometry.chunkBytes + offset] as number;
        (members[slot] as Uint8Array)[at] = byte;
        p ^= byte;
        q ^= (products[k] as Uint8Array)[byte] as number;
      });
      (members[row.p] as Uint8Array)[at] = p;
      if (row.q >= 0) (members[row.q] as Uint8Array)[at] = q;
    }
  }
  return members;
}

/** Where the data of the test's members begins: not at 0, so that forgetting it is noticed. */
export const DATA_OFFSET = 4096;

/** Members that hold these bytes behind {@link DATA_OFFSET}. */
export function memoryMembers(contents: readonly Uint8Array[]): MemoryMember[] {
  return contents.map((content, slot) => {
    const member = new MemoryMember(DATA_OFFSET + content.length, { name: `member ${slot}` });
    member.bytes.set(content, DATA_OFFSET);
    return member;
  });
}

/** The same as slots of an array, those in `missing` left out. */
export function slots(
  members: readonly MemoryMember[],
  missing: readonly number[] = [],
): (ArrayMember | null)[] {
  return members.map((device, slot) =>
    missing.includes(slot) ? null : { device, dataOffsetBytes: DATA_OFFSET },
  );
}

/** All ways to lose up to `most` of `n` members, none included. */
export function losses(n: number, most: number): number[][] {
  const all: number[][] = [[]];
  for (let a = 0; a < n; a++) {
    all.push([a]);
    if (most < 2) continue;
    for (let b = a + 1; b < n; b++) all.push([a, b]);
  }
  return all;
}
