// Every fault of the platform's plan, at every position of a burst of 16: nothing hangs, every transaction ends once, and the channel works
// afterwards.

import {
  DMA_CTRL_ACK,
  DMA_PREP_INTERRUPT,
  type DmaChan,
  type DmaDevice,
  DmaDirection,
  DmaEngine,
  DmaStatus,
  DmaTransResult,
} from "@dmaengine/core";
import { FAULT_KINDS, type FaultKind, FaultPlan, Platform } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import { ioat } from "./ioat.js";
import { IOAT_VARIANTS, type IoatVersion } from "./variant.js";
import { COMPLETION_TIMEOUT_NANOS } from "./watchdog.js";

const { NOERROR, READ_FAILED, ABORTED } = DmaTransResult;
const BURST = 16;
const LENGTH = 64;
const VERSIONS = Object.keys(IOAT_VARIANTS) as IoatVersion[];
const OPERATIONS = ["memcpy", "xor"] as const;
type Operation = (typeof OPERATIONS)[number];

/** What each version is tested with. */
const SETUPS = VERSIONS.flatMap((version) =>
  OPERATIONS.filter((operation) => operation === "memcpy" || version >= "3.2").map(
    (operation) => [version, operation] as const,
  ),
);

/** The occasion of a fault of this kind in transaction `n` of the burst; the first of all is the descriptor that starts the chain. */
function occasion(kind: FaultKind, version: IoatVersion, operation: Operation, n: number): number {
  if (kind === "lostInterrupt") return n;
  const told = kind === "wrongCompletion" || kind === "lateCompletion";
  // A null descriptor tells for an XOR descriptor in front of it.
  const descriptors = operation === "xor" && version === "3.2" && !told ? 2 : 1;
  return 1 + descriptors * n;
}

interface Rig {
  readonly platform: Platform;
  readonly engine: DmaEngine;
  readonly driver: ReturnType<typeof ioat>;
  readonly device: DmaDevice;
  readonly chan: DmaChan<Operation>;
  readonly arena: Uint8Array;
  readonly base: number;
  readonly reports: string[];
  submit(interrupts: boolean): Burst;
  settle(burst: Burst, polls: boolean): void;
  copied(n: number): boolean;
}

interface Burst {
  readonly cookies: readonly number[];
  /** By transaction: how it ended, each time that it did. */
  readonly results: readonly DmaTransResult[][];
}

async function rig(version: IoatVersion, operation: Operation, faults: FaultPlan): Promise<Rig> {
  const platform = new Platform({ clock: "stepped", faults });
  const engine = new DmaEngine();
  const reports: string[] = [];
  const driver = ioat({ platform, version, channels: 1, ringOrder: 4, log: (line) => reports.push(line) });
  const device = (await engine.register(driver))[0] as DmaDevice;
  const chan = engine.requestChannel<Operation>([operation]);
  const arena = Uint8Array.from({ length: 2 * BURST * LENGTH }, (_, i) =>
    i < BURST * LENGTH ? 1 + (i % 251) : 0,
  );
  const base = device.mapSingle(arena, DmaDirection.BIDIRECTIONAL);
  return {
    platform,
    engine,
    driver,
    device,
    chan,
    arena,
    base,
    reports,
    submit(interrupts) {
      const flags = DMA_CTRL_ACK | (interrupts ? DMA_PREP_INTERRUPT : 0);
      const results = Array.from({ length: BURST }, (): DmaTransResult[] => []);
      const prepared = results.map((ended, n) => {
        const [dst, src] = [base + (BURST + n) * LENGTH, base + n * LENGTH];
        const tx =
          operation === "memcpy"
            ? chan.prepMemcpy(dst, src, LENGTH, flags)
            : chan.prepXor(dst, [src], 1, LENGTH, flags);
        if (tx === null) throw new Error("no room");
        tx.callback = (result) => ended.push(result);
        return tx;
      });
      return { cookies: prepared.map((tx) => tx.submit()), results };
    },
    /** Lets everything happen that happens by itself. A client that waits for its callbacks does not look. */
    settle({ cookies }, polls) {
      chan.issuePending();
      do {
        if (polls) chan.txStatus(cookies.at(-1) as number);
      } while (platform.clock.runNext());
    },
    copied(n) {
      const [from, to] = [n * LENGTH, (BURST + n) * LENGTH];
      return Buffer.compare(arena.subarray(from, from + LENGTH), arena.subarray(to, to + LENGTH)) === 0;
    },
  };
}

/** How a burst has to end. Null: either way. */
function expected(kind: FaultKind, position: number): (DmaTransResult | null)[] {
  return Array.from({ length: BURST }, (_, n) => {
    switch (kind) {
      case "busError":
        return n < position ? NOERROR : n === position ? READ_FAILED : ABORTED;
      case "badDescriptor":
      case "stuckChannel":
        return n < position ? NOERROR : ABORTED;
      case "unplug":
        // Of what was done just before nobody could be told any more.
        return n >= position ? ABORTED : n < position - 6 ? NOERROR : null;
      default:
        return NOERROR;
    }
  });
}

async function worksAfterwards({ chan, arena, submit, settle, copied }: Rig): Promise<void> {
  arena.fill(0, BURST * LENGTH);
  const burst = submit(true);
  settle(burst, false);
  await null;
  expect(burst.results).toEqual(burst.results.map(() => [NOERROR]));
  expect(burst.cookies.every((_, n) => copied(n))).toBe(true);
  expect(chan.inFlight).toBe(0);
}

describe.each(SETUPS)("faults of version %s in a burst of %s", (version, operation) => {
  it.each(FAULT_KINDS.flatMap((kind) => [true, false].map((interrupts) => [kind, interrupts] as const)))(
    "%s, by interrupts: %s",
    async (kind, interrupts) => {
      for (let position = 0; position < BURST; position++) {
        const at = occasion(kind, version, operation, position);
        const faults = new FaultPlan([{ kind, at, unit: "ioat0.0" }]);
        const r = await rig(version, operation, faults);
        // The descriptor that starts the chain is done by now.
        r.platform.clock.advance(10_000);
        const burst = r.submit(interrupts);
        r.settle(burst, !interrupts);
        await null;
        const what = `${kind} at ${position}`;
        const couldStrike = kind !== "lostInterrupt" || interrupts;
        expect(faults.struck.length, what).toBe(couldStrike ? 1 : 0);
        const endings = expected(kind, position);
        for (const [n, results] of burst.results.entries()) {
          expect(results, `${what}: transaction ${n}`).toHaveLength(1);
          const how = endings[n] ?? results[0];
          expect(results[0], `${what}: transaction ${n}`).toBe(how);
          const status = r.chan.txStatus(burst.cookies[n] as number);
          expect(status).toBe(how === NOERROR ? DmaStatus.COMPLETE : DmaStatus.ERROR);
          if (how === NOERROR) expect(r.copied(n), `${what}: transaction ${n}`).toBe(true);
        }
        if (kind === "unplug") {
          const removed = r.engine.remove(r.driver);
          r.device.unmapSingle(r.base, r.arena.length, DmaDirection.BIDIRECTIONAL);
          r.chan.release();
          await removed;
        } else await worksAfterwards(r);
      }
    },
  );
});

describe("what went wrong", () => {
  it.each([
    ["busError", ["dma0chan0: halted: CHANERR 0x100 (read data)"]],
    ["badDescriptor", ["dma0chan0: halted: CHANERR 0x400 (descriptor control)"]],
    ["stuckChannel", ["dma0chan0: hangs; 11 descriptors are aborted"]],
    ["unplug", ["dma0chan0: does not answer: the device is gone; 16 descriptors are aborted"]],
    ["lostInterrupt", []],
    ["lateCompletion", []],
  ] as const)("is reported: %s", async (kind, reports) => {
    const r = await rig("3.0", "memcpy", new FaultPlan([{ kind, at: kind === "lostInterrupt" ? 5 : 6 }]));
    r.platform.clock.advance(10_000);
    r.settle(r.submit(true), false);
    // What completed just before the device was gone depends on how fast it is.
    expect(r.reports.map((line) => line.replace(/1\d descriptors/, "N descriptors"))).toEqual(
      reports.map((line) => line.replace(/1\d descriptors/, "N descriptors")),
    );
  });

  it("is reported: a completion word that names nothing", async () => {
    const r = await rig("3.3", "memcpy", new FaultPlan([{ kind: "wrongCompletion", at: 6 }]));
    r.platform.clock.advance(10_000);
    r.settle(r.submit(true), false);
    expect(r.reports).toHaveLength(1);
    expect(r.reports[0]).toMatch(/^dma0chan0: completion word names 0x100\w+, CHANSTS 0x\w+$/);
  });
});

describe("a device that is pulled out", () => {
  it.each(VERSIONS)(
    "ends everything once where the application takes its driver out at that moment (%s)",
    async (version) => {
      for (let position = 0; position < BURST; position++) {
        let removed: Promise<void> | null = null;
        const faults = new FaultPlan([{ kind: "unplug", at: 1 + position }], () => {
          removed = r.engine.remove(r.driver);
        });
        const r = await rig(version, "memcpy", faults);
        r.platform.clock.advance(10_000);
        const burst = r.submit(true);
        r.settle(burst, false);
        await null;
        expect(removed).not.toBeNull();
        expect(burst.results.every((results) => results.length === 1)).toBe(true);
        expect(burst.results.slice(position).flat()).toEqual(new Array(BURST - position).fill(ABORTED));
        expect(r.chan.removed).toBe(true);
        expect(r.chan.inFlight).toBe(0);
        expect(r.platform.clock.pendingEvents).toBe(0);
      }
    },
  );

  it("is not there to begin with: registration says so", async () => {
    const platform = new Platform({ faults: new FaultPlan([{ kind: "unplug", at: 0 }]) });
    const engine = new DmaEngine();
    await expect(engine.register(ioat({ platform }))).rejects.toMatchObject({
      code: "ERR_DMA_DRIVER",
      message: expect.stringContaining("did not start"),
    });
    expect(engine.devices).toEqual([]);
  });
});

describe("the watchdog", () => {
  it("runs only while the channel is at work", async () => {
    const r = await rig("3.2", "memcpy", new FaultPlan());
    r.platform.clock.advance(10_000);
    expect(r.platform.clock.pendingEvents).toBe(0);
    const burst = r.submit(true);
    r.settle(burst, false);
    expect(burst.results).toEqual(burst.results.map(() => [NOERROR]));
    expect(r.platform.clock.pendingEvents).toBe(0);
    expect(r.platform.clock.nowNanos).toBeLessThan(COMPLETION_TIMEOUT_NANOS);
  });

  it("lets alone what is submitted and not issued", async () => {
    const r = await rig("3.2", "memcpy", new FaultPlan());
    const chan = r.chan as DmaChan<"memcpy">;
    const copy = () => chan.prepMemcpy(r.base + BURST * LENGTH, r.base, LENGTH)?.submit() as number;
    const first = copy();
    chan.issuePending();
    const second = copy();
    r.platform.clock.advance(10 * COMPLETION_TIMEOUT_NANOS);
    expect(chan.txStatus(first)).toBe(DmaStatus.COMPLETE);
    expect(chan.txStatus(second)).toBe(DmaStatus.IN_PROGRESS);
    chan.issuePending();
    r.platform.clock.advance(10_000);
    expect(chan.txStatus(second)).toBe(DmaStatus.COMPLETE);
  });

  it("does not take a long transfer for a hang, as long as CHANSTS moves", async () => {
    const costs = { value: 2 ** -6, source: "slow: a MiB takes 67 ms" };
    const { costs: usual } = new Platform().meter;
    const engineCosts = { ...usual.engine, copyBytesPerNano: costs };
    const platform = new Platform({ costs: { ...usual, engine: engineCosts } });
    const engine = new DmaEngine();
    const reports: string[] = [];
    const device = (
      await engine.register(ioat({ platform, channels: 1, log: (line) => reports.push(line) }))
    )[0] as DmaDevice;
    const chan = engine.requestChannel(["memcpy"]);
    const arena = new Uint8Array(8 << 20).fill(7, 0, 4 << 20);
    const base = device.mapSingle(arena, DmaDirection.BIDIRECTIONAL);
    const tx = chan.prepMemcpy(base + (4 << 20), base, 4 << 20);
    expect(await chan.syncWait(tx?.submit() as number)).toBe(DmaStatus.COMPLETE);
    expect(platform.clock.nowNanos).toBeGreaterThan(2 * COMPLETION_TIMEOUT_NANOS);
    expect(arena.every((byte) => byte === 7)).toBe(true);
    expect(reports).toEqual([]);
  });
});
