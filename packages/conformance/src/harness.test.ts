import { DmaTransResult } from "@dmaengine/core";
import type { ReferenceMemory } from "@dmaengine/core/driver";
import { expect, test } from "vitest";
import type { Harness } from "./bench.js";
import { Collector } from "./collector.js";
import { type ConformanceOptions, conformance } from "./conformance.js";
import { SmallChannel, small } from "./testing/small-driver.js";

async function failuresOf(driver: ConformanceOptions["driver"], harness: Harness): Promise<string[]> {
  const collector = new Collector();
  const report = conformance(collector, { name: "small", driver, harness, patienceMillis: 30 });
  await collector.run();
  return report.cases.filter(({ outcome }) => outcome === "failed").map(({ title }) => title);
}

test("an engine whose time stands still passes with a harness that makes it pass", {
  timeout: 60_000,
}, async () => {
  const running = new Set<SteppedChannel>();
  class SteppedChannel extends SmallChannel {
    protected override schedule(): void {
      running.add(this);
    }
    override readonly relax = undefined as never;
    tick(): void {
      if (!this.paused) this.step();
    }
  }
  const driver = () => small({ channel: SteppedChannel });
  const letTimePass = () => {
    for (const channel of running) channel.tick();
  };
  expect(await failuresOf(driver, { letTimePass })).toEqual([]);
  expect(await failuresOf(driver, {})).not.toEqual([]);
});

test("an engine that can't tell what is mapped passes with a harness that makes transfers fail", async () => {
  const broken = 2 ** 44;
  class BlindChannel extends SmallChannel {
    protected override execute(tx: Parameters<SmallChannel["submit"]>[0]): DmaTransResult {
      const addresses = JSON.stringify(
        Object.values(tx.args).flatMap((arg) =>
          ArrayBuffer.isView(arg) ? [...(arg as Float64Array)] : [arg],
        ),
      );
      if (addresses.includes(String(broken))) return DmaTransResult.READ_FAILED;
      super.execute(tx);
      return DmaTransResult.NOERROR;
    }
    protected override memory(tx: Parameters<SmallChannel["submit"]>[0]): ReferenceMemory {
      return super.memory(tx);
    }
  }
  const driver = () => small({ channel: BlindChannel });
  expect(await failuresOf(driver, { faultyAddr: () => broken })).toEqual([]);
  expect(await failuresOf(driver, {})).not.toEqual([]);
});
