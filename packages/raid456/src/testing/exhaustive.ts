import type { DmaEngine } from "@dmaengine/core";
import {
  type ArrayMember,
  Geometry,
  layoutName,
  layoutNumbers,
  RaidArray,
  type RaidLevel,
} from "../index.js";
import { parityDisks } from "../layout.js";
import { DATA_OFFSET, losses, membersOf, memoryMembers, randomBytes, sameBytes } from "./model.js";

const CHUNK = 4096;
const SMALLEST = 4;
const LARGEST = 12;

/** One array, and the members that it has to do without. */
export interface ExhaustiveCase {
  readonly level: RaidLevel;
  readonly layout: number;
  readonly raidDisks: number;
  readonly missing: readonly number[];
}

/** Every layout of every level, over 4 to 12 members, with every loss that it can stand and none at all. */
export function exhaustiveCases(): ExhaustiveCase[] {
  const cases: ExhaustiveCase[] = [];
  for (const level of [4, 5, 6] as const) {
    for (const layout of layoutNumbers(level)) {
      for (let raidDisks = SMALLEST; raidDisks <= LARGEST; raidDisks++) {
        for (const missing of losses(raidDisks, parityDisks(level))) {
          cases.push({ level, layout, raidDisks, missing });
        }
      }
    }
  }
  return cases;
}

/** A seeded choice of about `count` of them. */
export function sampleOf(cases: readonly ExhaustiveCase[], count: number, seed: number): ExhaustiveCase[] {
  const dice = randomBytes(cases.length * 2, seed);
  const limit = (65536 * count) / cases.length;
  return cases.filter((_, i) => (dice[2 * i] as number) * 256 + (dice[2 * i + 1] as number) < limit);
}

/** What an array holds at three times, and what its members have to hold then, by the definitions of P and Q. */
interface Model {
  readonly geometry: Geometry;
  readonly states: readonly { readonly content: Uint8Array; readonly members: readonly Uint8Array[] }[];
  readonly partialWrites: readonly { readonly offset: number; readonly bytes: Uint8Array }[];
}

/** Carries cases out, one after the other. The models of a geometry are computed once. */
export class ExhaustiveRun {
  readonly #engine: DmaEngine;
  readonly #stripes: (raidDisks: number) => number;
  readonly #models = new Map<string, Model>();

  /** @param stripes - how many stripes the arrays have */
  constructor(engine: DmaEngine, stripes: (raidDisks: number) => number) {
    this.#engine = engine;
    this.#stripes = stripes;
  }

  /** Reads, writes partly and wholly, and rebuilds. Throws with the name of the case where a byte is not as in the model. */
  async run({ level, layout, raidDisks, missing }: ExhaustiveCase): Promise<void> {
    const model = this.#model(level, layout, raidDisks);
    const { geometry, states, partialWrites } = model;
    const [before, partly, after] = states as [Model["states"][0], Model["states"][0], Model["states"][0]];
    const disks = memoryMembers(before.members);
    const members = disks.map((device): ArrayMember => ({ device, dataOffsetBytes: DATA_OFFSET }));
    const array = new RaidArray({
      ...geometry,
      members: members.map((member, slot) => (missing.includes(slot) ? null : member)),
      engine: this.#engine,
      cacheStripes: geometry.stripes,
    });
    const check = (what: string, expected: Uint8Array, got: Uint8Array): void => {
      if (sameBytes(expected, got)) return;
      const at = expected.findIndex((byte, i) => byte !== got[i]);
      const name = `RAID-${level} ${layoutName(level, layout)} over ${raidDisks} members without [${missing}]`;
      throw new Error(`${name}: ${what}: byte ${at} is ${got[at]}, expected ${expected[at]}`);
    };
    const checkMembers = (
      what: string,
      expected: readonly Uint8Array[],
      without: readonly number[],
    ): void => {
      for (const [slot, bytes] of expected.entries()) {
        if (without.includes(slot)) continue;
        check(
          `${what}, member ${slot}`,
          bytes,
          (disks[slot] as { bytes: Uint8Array }).bytes.subarray(DATA_OFFSET),
        );
      }
    };
    const into = new Uint8Array(geometry.arrayBytes);
    for (const slot of missing) (disks[slot] as { bytes: Uint8Array }).bytes.fill(0xee);

    await array.read(0, into);
    check("reading", before.content, into);
    await Promise.all(partialWrites.map(({ offset, bytes }) => array.write(offset, bytes)));
    checkMembers("after partial writes", partly.members, missing);
    await array.write(0, after.content);
    checkMembers("after a full write", after.members, missing);
    for (const slot of missing) array.add(slot, members[slot] as ArrayMember);
    await array.rebuild();
    checkMembers("after the rebuild", after.members, []);
    array.close();
  }

  #model(level: RaidLevel, layout: number, raidDisks: number): Model {
    const key = `${level} ${layout} ${raidDisks}`;
    const known = this.#models.get(key);
    if (known !== undefined) return known;
    const memberBytes = CHUNK * this.#stripes(raidDisks);
    const geometry = new Geometry({ level, layout, raidDisks, chunkBytes: CHUNK, memberBytes });
    const content = randomBytes(geometry.arrayBytes, raidDisks);
    const partly = content.slice();
    const partialWrites = partialRanges(geometry).map(([offset, length], i) => {
      const bytes = randomBytes(length, raidDisks + i + 1);
      partly.set(bytes, offset);
      return { offset, bytes };
    });
    const after = randomBytes(geometry.arrayBytes, raidDisks + 99);
    const states = [content, partly, after].map((bytes) => ({
      content: bytes,
      members: membersOf(geometry, bytes),
    }));
    const model = { geometry, states, partialWrites };
    this.#models.set(key, model);
    return model;
  }
}

/** A write of a few bytes, one across two chunks, one across two stripes, one of a sector, one of half a stripe. */
function partialRanges({
  stripeDataBytes,
  dataDisks,
}: Geometry): (readonly [offset: number, length: number])[] {
  return [
    [5, 3],
    [CHUNK - 700, 1400],
    [stripeDataBytes - 600, 1200],
    [stripeDataBytes + 1024, 512],
    [stripeDataBytes + CHUNK, Math.ceil(dataDisks / 2) * CHUNK],
  ];
}
