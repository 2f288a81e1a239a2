import { Geometry, parityDisks } from "@dmaengine/raid456";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEFAULT_SIZE, generateWorkload, type WorkloadSize } from "./generate.js";
import { PHASE_NAMES } from "./workload.js";

const levels = fc.constantFrom(5 as const, 6 as const);
const sizes = fc.record({
  chunkBytes: fc.constantFrom(4096, 16384, 65536),
  memberBytes: fc.constantFrom(65536, 262144),
  fullStripeWrites: fc.integer({ min: 1, max: 20 }),
  partialWrites: fc.integer({ min: 1, max: 30 }),
  degradedReads: fc.integer({ min: 1, max: 30 }),
  maxPartialBytes: fc.constantFrom(512, 4096, 32768),
}) satisfies fc.Arbitrary<WorkloadSize>;

describe("generateWorkload", () => {
  it("is the same for the same seed, and another one for another", () => {
    expect(generateWorkload(6, DEFAULT_SIZE, 7)).toEqual(generateWorkload(6, DEFAULT_SIZE, 7));
    expect(generateWorkload(6, DEFAULT_SIZE, 7)).not.toEqual(generateWorkload(6, DEFAULT_SIZE, 8));
  });

  it("asks for whole sectors within the array, and writes nothing twice in one phase", () => {
    fc.assert(
      fc.property(levels, sizes, fc.nat(), (level, size, seed) => {
        const { array, phases } = generateWorkload(level, size, seed);
        const { arrayBytes } = new Geometry(array);
        for (const { requests } of phases) {
          const written = new Set<number>();
          for (const request of requests) {
            if (request.kind === "scrub") continue;
            const { kind, offsetBytes, lengthBytes } = request;
            expect([offsetBytes % 512, lengthBytes % 512]).toEqual([0, 0]);
            expect(lengthBytes).toBeGreaterThan(0);
            expect(offsetBytes).toBeGreaterThanOrEqual(0);
            expect(offsetBytes + lengthBytes).toBeLessThanOrEqual(arrayBytes);
            if (kind === "read") continue;
            for (let at = offsetBytes; at < offsetBytes + lengthBytes; at += 512) {
              expect(written.has(at), `byte ${at} written twice`).toBe(false);
              written.add(at);
            }
          }
        }
      }),
    );
  });

  it.each([5, 6] as const)("has every phase in turn, and RAID-%i can do without what fails", (level) => {
    const { phases, array } = generateWorkload(level, DEFAULT_SIZE, 1);
    expect(phases.map(({ name }) => name)).toEqual(PHASE_NAMES);
    expect(phases.flatMap(({ failing }) => failing)).toHaveLength(parityDisks(level));
    expect(array.raidDisks - parityDisks(level)).toBe(4);
    const [full, partial] = phases;
    expect(full?.requests).toHaveLength(DEFAULT_SIZE.fullStripeWrites);
    expect(partial?.requests).toHaveLength(DEFAULT_SIZE.partialWrites);
  });
});
