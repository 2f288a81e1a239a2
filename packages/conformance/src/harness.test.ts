import { DmaTransResult } from "@dmaengine/core";
import type { DmaTx } from "@dmaengine/core/driver";
import { expect, test } from "vitest";
import { Collector } from "./collector.js";
import { type ConformanceOptions, conformance } from "./conformance.js";
import { definitionOf, SmallChannel, small } from "./testing/small-driver.js";
import type { Harness } from "./time.js";

const SLOW = { timeout: 60_000 };

/** What the suite has to say of a driver, up to the first case that fails. */
async function firstFailure(driver: ConformanceOptions["driver"], harness: Harness): Promise<unknown> {
  const collector = new Collector();
  conformance(collector, { name: "small", driver, harness, patienceMillis: 1000 });
  const results = await collector.run({
    only: (title) => !/ > (pq|pqVal|xor|xorVal|memset|memsetSg|immData|interleaved) > /.test(title),
    untilFailure: true,
  });
  return results.at(-1)?.error;
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
  expect(await firstFailure(driver, { letTimePass })).toBeUndefined();
  expect(await firstFailure(driver, {})).toBeInstanceOf(Error);
});

test(
  "an engine that can't tell what is mapped passes with a harness that makes transfers fail",
  SLOW,
  async () => {
    const broken = 2 ** 44;
    class BlindChannel extends SmallChannel {
      protected override execute(tx: DmaTx): DmaTransResult {
        let isBroken = false;
        const look = (addr: number): void => {
          isBroken ||= addr === broken;
        };
        definitionOf(tx).reads(tx.args, tx.flags, look);
        definitionOf(tx).writes(tx.args, tx.flags, look);
        if (isBroken) return DmaTransResult.READ_FAILED;
        super.execute(tx);
        return DmaTransResult.NOERROR;
      }
    }
    const driver = () => small({ channel: BlindChannel });
    expect(await firstFailure(driver, { faultyAddr: () => broken })).toBeUndefined();
    expect(await firstFailure(driver, {})).toBeInstanceOf(Error);
  },
);
