import { leastLoaded, measured, roundRobin } from "@dmaengine/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { randomBytes } from "../testing/model.js";
import { TEST_PLATFORMS } from "../testing/platforms.js";
import { StripeRig } from "../testing/stripe-rig.js";

const PAGE_BYTES = 8192;
const STRIPES = 3;

const sector = fc.nat(PAGE_BYTES / 512 - 1);
/** Of a page, in sectors, as parity is computed. */
const range = fc
  .tuple(sector, sector)
  .map(([a, b]) => ({ start: Math.min(a, b) * 512, end: (Math.max(a, b) + 1) * 512 }));
/** Of a page, at any byte, as requests are. */
const piece = fc
  .tuple(fc.nat(PAGE_BYTES - 1), fc.integer({ min: 1, max: PAGE_BYTES }))
  .map(([offset, length]) => ({ offset, length: Math.min(length, PAGE_BYTES - offset) }));

const step = fc.record({
  stripe: fc.nat(STRIPES - 1),
  kind: fc.constantFrom("rmw", "rcw", "recover", "check", "read"),
  pieces: fc.array(piece, { minLength: 1, maxLength: 3 }),
  range,
  slots: fc.uniqueArray(fc.nat(255), { minLength: 1, maxLength: 2 }),
});

const setUps = fc.record({
  level: fc.constantFrom(4, 5, 6),
  raidDisks: fc.integer({ min: 4, max: 10 }),
  firstStripe: fc.nat(20),
  seed: fc.nat(),
  policy: fc.constantFrom(leastLoaded, roundRobin, () => measured({ now: () => 0 })),
  cpuBelowBytes: fc.constantFrom(0, 0, 1024),
  steps: fc.array(step, { minLength: 1, maxLength: 12 }),
});

const RUNS = process.env["DMAENGINE_LONG"] === "1" ? 100 : 10;

describe.each(TEST_PLATFORMS.map((test) => [test.name, test] as const))("on %s", (_name, test) => {
  it("any work on any stripes gives the bytes that the CPU would, with every mapping watched", async () => {
    await fc.assert(
      fc.asyncProperty(
        setUps,
        async ({ level, raidDisks, firstStripe, seed, policy, cpuBelowBytes, steps }) => {
          const rig = await StripeRig.make({
            drivers: test.drivers(test.platform({ seed })),
            level: level as 4 | 5 | 6,
            raidDisks,
            firstStripe,
            pageBytes: PAGE_BYTES,
            stripes: STRIPES,
            offload: { policy: policy(), cpuBelowBytes },
          });
          rig.fillStripes(seed);
          await Promise.all(
            rig.stripes.map(async (target, n) => {
              const { data } = target.stripe.row;
              for (const { stripe, kind, pieces, range: bytes, slots } of steps) {
                if (stripe !== n) continue;
                const missing = [...new Set(slots.map((slot) => slot % raidDisks))];
                switch (kind) {
                  case "rmw":
                  case "rcw":
                    await rig.write(
                      target,
                      pieces.map(({ offset, length }, i) => ({
                        index: (i + slots[0]!) % data.length,
                        offset,
                        bytes: randomBytes(length, seed + i),
                      })),
                      kind === "rmw",
                    );
                    break;
                  case "recover":
                    await rig.recover(target, missing.slice(0, rig.geometry.parityDisks), bytes);
                    break;
                  case "check":
                    expect((await rig.check(target, bytes)).flags).toBe(0);
                    break;
                  case "read": {
                    const [{ offset, length }] = pieces as [{ offset: number; length: number }];
                    const into = new Uint8Array(length);
                    await rig.read(target, slots[0]! % data.length, offset, into);
                    const page = target.mirror[data[slots[0]! % data.length]!]!;
                    expect(Buffer.compare(into, page.bytes.subarray(offset, offset + length))).toBe(0);
                  }
                }
              }
            }),
          );
          expect(rig.firstDifference()).toBeNull();
          expect(rig.failures).toBe(0);
          await rig.finish();
        },
      ),
      { numRuns: RUNS },
    );
  });
});
