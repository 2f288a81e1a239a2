import { describe, expect, it } from "vitest";
import { parityDisks } from "../layout.js";
import { losses, randomBytes } from "../testing/model.js";
import { scenarioOf, TEST_PLATFORMS } from "../testing/platforms.js";
import { StripeRig } from "../testing/stripe-rig.js";

const LEVELS = [
  [4, 4],
  [5, 5],
  [6, 6],
  // More sources than most engines take at a time.
  [5, 11],
  [6, 12],
] as const;

describe.each(TEST_PLATFORMS.map((platform) => [platform.name, platform] as const))(
  "on %s",
  (_name, test) => {
    describe.each(LEVELS)("RAID-%i over %i members", (level, raidDisks) => {
      const setUp = async () => {
        const rig = await StripeRig.make({
          drivers: test.drivers(test.platform()),
          level,
          raidDisks,
          pageBytes: 8192,
          stripes: 3,
          firstStripe: 1,
        });
        rig.fillStripes(level);
        return rig;
      };

      it("finds its scenario, and says so", async () => {
        const rig = await setUp();
        const scenario = scenarioOf(test, level);
        expect(rig.offload.plan.scenario).toBe(scenario);
        expect(rig.offload.scenario).toBe(scenario);
        expect(rig.offload.explain()[0]).toContain(
          `Scenario ${scenario} for RAID-${level} over ${raidDisks} members`,
        );
        await rig.finish();
      });

      it("writes, with parity made anew or brought up to date", async () => {
        const rig = await setUp();
        await Promise.all(
          rig.stripes.map(async (target, n) => {
            for (const rmw of [true, false]) {
              for (const [offset, length] of [
                [0, rig.pageBytes],
                [4096, 4096],
                [511 + n, 1025],
                [8000, 7],
              ] as const) {
                const pieces = [n % 3, (n + 1) % 3].map((index) => ({
                  index,
                  offset: offset + (length < 4096 ? index : 0),
                  bytes: randomBytes(length, n + offset + index),
                }));
                await rig.write(target, pieces, rmw);
              }
            }
          }),
        );
        expect(rig.firstDifference()).toBeNull();
        await rig.finish();
      });

      it("computes whatever may be missing, in whole pages and in parts of them", async () => {
        const rig = await setUp();
        for (const missing of losses(raidDisks, parityDisks(level))) {
          if (missing.length === 0) continue;
          await Promise.all(
            rig.stripes.map((target, n) =>
              rig.recover(
                target,
                missing,
                n % 2 === 0 ? { start: 0, end: rig.pageBytes } : { start: 512, end: 5632 },
              ),
            ),
          );
          expect(rig.firstDifference(), `without ${missing}`).toBeNull();
        }
        await rig.finish();
      });

      it("finds every parity that is wrong, and none that is right", async () => {
        const rig = await setUp();
        const [target] = rig.stripes;
        const { p, q, data } = target!.stripe.row;
        const whole = { start: 0, end: rig.pageBytes };
        expect((await rig.check(target!, whole)).flags).toBe(0);
        for (const at of [0, 4095, rig.pageBytes - 1]) {
          for (const [slot, wrongP, wrongQ] of [
            [p, true, false],
            [q, false, true],
            [data[1]!, true, level === 6],
          ] as const) {
            if (slot < 0) continue;
            const bytes = rig.memberReads(target!.stripe, slot, whole);
            bytes[at]! ^= 0x10;
            const result = await rig.check(target!, whole);
            expect([result.pFailed, result.qFailed], `byte ${at} of slot ${slot}`).toEqual([wrongP, wrongQ]);
            expect((await rig.check(target!, { start: 4608, end: 7680 })).flags).toBe(0);
            rig.memberReads(target!.stripe, slot, whole)[at]! ^= 0x10;
          }
        }
        if (q >= 0) {
          expect((await rig.check(target!, whole, [p])).flags).toBe(0);
          expect((await rig.check(target!, whole, [q])).flags).toBe(0);
        }
        await rig.finish();
      });

      it("leaves bytes alone that lie beside those that it fills, whoever writes them meanwhile", async () => {
        const rig = await setUp();
        for (const [before, length] of [
          [128, 1024],
          [100, 1000],
          [0, 130],
        ] as const) {
          const around = new Uint8Array(2048);
          const reading = rig.read(rig.stripes[0]!, 0, 512, around.subarray(before, before + length));
          for (let turn = 0; turn < 20; turn++) {
            around.fill(turn, 0, before);
            around.fill(turn, before + length);
            await null;
          }
          await reading;
          const page = rig.stripes[0]!.mirror[rig.stripes[0]!.stripe.row.data[0]!]!;
          const expected = new Uint8Array(2048).fill(19);
          expected.set(page.bytes.subarray(512, 512 + length), before);
          expect(Buffer.compare(around, expected), `${length} bytes at ${before}`).toBe(0);
        }
        await rig.finish();
      });

      it("fills reads at any place and length", async () => {
        const rig = await setUp();
        await Promise.all(
          rig.stripes.map(async (target, n) => {
            for (const length of [1, 100, 128, 4096, 5000]) {
              const into = new Uint8Array(length + 200).subarray(
                64 + (length % 2),
                64 + (length % 2) + length,
              );
              await rig.read(target, n % 3, 1000 + n, into);
              const page = target.mirror[target.stripe.row.data[n % 3]!]!;
              expect(Buffer.compare(into, page.bytes.subarray(1000 + n, 1000 + n + length))).toBe(0);
            }
          }),
        );
        await rig.finish();
      });
    });
  },
);

it("checks longer pages than the engine's checks take, piece by piece", async () => {
  const iop33x = TEST_PLATFORMS.find(({ name }) => name === "iop33x")!;
  const drivers = iop33x.drivers(iop33x.platform());
  const rig = await StripeRig.make({ drivers, level: 5, raidDisks: 5, pageBytes: 65536, stripes: 1 });
  rig.fillStripes(1);
  const { maxLengthBytes } = rig.engine.devices[2]!.capabilities.xorVal!;
  expect(maxLengthBytes).toBeLessThan(rig.pageBytes);
  const [target] = rig.stripes;
  const whole = { start: 0, end: rig.pageBytes };
  expect((await rig.check(target!, whole)).flags).toBe(0);
  for (const at of [0, maxLengthBytes! - 1, maxLengthBytes!, rig.pageBytes - 1]) {
    rig.memberReads(target!.stripe, 1, whole)[at]! ^= 1;
    expect((await rig.check(target!, whole)).pFailed, `byte ${at}`).toBe(true);
    rig.memberReads(target!.stripe, 1, whole)[at]! ^= 1;
  }
  await rig.finish();
});
