import type { DmaDriver } from "@dmaengine/core";
import type { AnyOperationDefinition } from "@dmaengine/core/driver";
import { describe, expect, it, test } from "vitest";
import { Collector } from "./collector.js";
import { conformance } from "./conformance.js";
import { memcpy } from "./exercises/memcpy.js";
import { definitionOf, SmallChannel, small } from "./testing/small-driver.js";

conformance({ describe, it, expect }, { name: "a small engine", driver: () => small() });

/** An engine that can do no more than copy. */
function copier(): DmaDriver {
  return small({
    describe: (definition) => ({ ...definition, capabilities: { memcpy: {} }, descriptorReuse: false }),
  });
}

/** A copier that gets the bytes beyond the first wrong. */
class Careless extends SmallChannel {
  protected override execute(tx: Parameters<SmallChannel["submit"]>[0]): ReturnType<SmallChannel["execute"]> {
    const result = super.execute(tx);
    definitionOf(tx).writes(tx.args, tx.flags, (addr) => {
      if (this.reaches(tx, "writes")) this.memory(tx).write(addr, 0);
    });
    return result;
  }
}

describe("the report", () => {
  test("tells which cases were skipped, and why; each reason is logged once", async () => {
    const collector = new Collector();
    const lines: string[] = [];
    const report = conformance(collector, {
      name: "copier",
      driver: copier,
      log: (line) => lines.push(line),
    });
    expect(report.cases).toEqual([]);
    await collector.run();
    const skipped = report.cases.filter(({ outcome }) => outcome === "skipped");
    expect(report.cases.filter(({ outcome }) => outcome === "failed")).toEqual([]);
    expect(skipped).toContainEqual({
      title: "memset",
      outcome: "skipped",
      reasons: ["does not claim memset"],
    });
    expect(lines.filter((line) => line === "copier: cases skipped: does not claim memset")).toHaveLength(1);
    expect(lines).toHaveLength(new Set(lines).size);
  });

  test("has one case for an operation that is not claimed, and all where that is not known in advance", async () => {
    const titles = (driver: () => DmaDriver | Promise<DmaDriver>): string[] => {
      const found: string[] = [];
      const runner = {
        describe: (_title: string, body: () => void) => body(),
        it: (title: string) => found.push(title),
        expect,
      };
      conformance(runner, { name: "copier", driver });
      return found.filter((title) => /^memset\b/.test(title));
    };
    expect(titles(copier)).toEqual(["memset: skipped, the driver does not claim memset"]);
    const unknown = [
      async () => copier(),
      () => ({ ...copier(), probe: async () => copier().probe() }),
      () => ({ ...copier(), probe: () => Promise.reject(new Error("no such engine")) }),
      () => ({
        ...copier(),
        probe() {
          throw new Error("no such engine");
        },
      }),
    ];
    for (const driver of unknown) {
      expect(titles(driver)).toContain("memset between transactions of other operations");
    }
  });

  test("names driver, variant and platform", () => {
    const found: string[] = [];
    const runner = { describe: (title: string) => found.push(title), it: () => {}, expect };
    const report = conformance(runner, {
      name: "x",
      variant: "old",
      platform: "v7",
      seed: 3,
      driver: copier,
    });
    expect(found).toEqual(["x / old / v7: dmaengine conformance, seed 3"]);
    expect(report.name).toBe("x / old / v7");
  });

  test("tells the runner of a skipped case too", async () => {
    const skipped: string[] = [];
    const context = { skip: (reason: string) => skipped.push(reason) };
    const bodies: Promise<void>[] = [];
    const runner = {
      describe: (_title: string, body: () => void) => body(),
      it(title: string, body: (context?: unknown) => Promise<void>) {
        if (title === "interrupt: skipped, the driver does not claim interrupt") {
          bodies.push(body(context));
        }
      },
      expect,
    };
    conformance(runner, { name: "copier", driver: copier, log: () => {} });
    await Promise.all(bodies);
    expect(skipped).toEqual(["does not claim interrupt"]);
  });

  test("says the same for the same seed, and other numbers for another", async () => {
    const said = async (seed: number): Promise<readonly string[]> => {
      const collector = new Collector();
      const driver = (): DmaDriver => small({ channel: Careless });
      const report = conformance(collector, { name: "careless", driver, seed });
      await collector.run({
        only: (title) => title.includes("queued at random") && title.includes("> memcpy >"),
      });
      expect(report.seed).toBe(seed);
      return report.cases.flatMap(({ reasons }) => reasons);
    };
    const [first, again, other] = [await said(7), await said(7), await said(8)];
    expect(first.length).toBeGreaterThan(0);
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  test("ends a case after ten problems", async () => {
    const collector = new Collector();
    const report = conformance(collector, { name: "careless", driver: () => small({ channel: Careless }) });
    await collector.run({ only: (title) => title.includes("> memcpy > for every length") });
    expect(report.cases).toHaveLength(1);
    expect(report.cases[0]?.reasons).toHaveLength(10);
  });
});

describe("a driver with an operation of its own", () => {
  test("must bring an exercise for it", async () => {
    const collector = new Collector();
    const report = conformance(collector, {
      name: "own",
      driver: () => ({
        ...small(),
        operations: [{ ...memcpy.definition, name: "teleport" } as unknown as AnyOperationDefinition],
        probe: async () =>
          (await small().probe()).map((definition) => ({
            ...definition,
            capabilities: { ...definition.capabilities, teleport: {} },
            channels: definition.channels.map((create) => (host: Parameters<typeof create>[0]) => {
              const channel = create(host) as SmallChannel;
              return Object.assign(channel, { prepTeleport: channel.prepMemcpy });
            }),
          })),
      }),
    });
    await collector.run({ only: (title) => title.includes("an exercise for each operation of its own") });
    expect(report.cases[0]?.reasons).toEqual([expect.stringContaining('"teleport"')]);
  });
});
