// What was wrong with this driver in Linux 2.6.37 (Dan Williams to Russell King, 22 December 2010): it advertised DMA_MEMCPY, and then did not unmap what
// its users had mapped and trusted it to unmap. Here the client owns the mapping, and a driver has to go out of its way to do wrong: to spoil the
// record that belongs to a transaction, to keep the reference to it, or to unmap what is not its own to unmap, as drivers did with the DMA_COMPL
// flags until Linux 3.13.

import { Collector, conformance } from "@dmaengine/conformance";
import {
  type DmaCheckError,
  DmaDirection,
  type DmaDriver,
  DmaEngine,
  type DmaError,
  DmaStatus,
  type DmaUnmapData,
} from "@dmaengine/core";
import type { AnyDeviceDefinition, DmaDomain, DmaTx } from "@dmaengine/core/driver";
import { describe, expect, it } from "vitest";
import { pl08x } from "./pl08x.js";

/** What a descriptor is behind the driver's back, and what the driver does to it before it completes. */
type Meddle = (tx: DmaTx & { unmap: DmaUnmapData | null }, domain: DmaDomain) => void;

/** The driver, with something done to each transaction before its completion. */
function broken(meddle: Meddle): DmaDriver {
  const driver = pl08x();
  return {
    ...driver,
    async probe() {
      const definitions = await driver.probe();
      return definitions.map(
        (definition): AnyDeviceDefinition => ({
          ...definition,
          channels: definition.channels.map(
            (create) => (host) =>
              create({
                name: host.name,
                ringSize: host.ringSize,
                complete(tx, result, residueBytes) {
                  meddle(tx as DmaTx & { unmap: DmaUnmapData | null }, definition.domain);
                  host.complete(tx, result, residueBytes);
                },
                periodElapsed: (tx) => host.periodElapsed(tx),
                runCallbacks: () => host.runCallbacks(),
                interrupt: () => host.interrupt(),
              }),
          ),
        }),
      );
    },
  };
}

const LENGTH = 1024;

const unmapsNothing = (): DmaDriver =>
  broken(({ unmap }) => {
    if (unmap === null) return;
    unmap.toCnt = 0;
    unmap.fromCnt = 0;
    unmap.bidiCnt = 0;
  });

const keepsTheReference = (): DmaDriver =>
  broken((tx) => {
    tx.unmap = null;
  });

const unmapsItself = (): DmaDriver =>
  broken(({ args }, domain) => {
    const { src, dst, lengthBytes } = args as DmaTx<"memcpy">["args"];
    domain.unmap(src, lengthBytes, DmaDirection.TO_DEVICE);
    domain.unmap(dst, lengthBytes, DmaDirection.FROM_DEVICE);
  });

/** A copy by a client who maps, hands its mapping to the transaction, and expects to be rid of it at completion. */
async function copyOnce(driver: DmaDriver) {
  const uncaught: unknown[] = [];
  const engine = new DmaEngine({ checker: true, onUncaught: (error) => uncaught.push(error) });
  const device = (await engine.register(driver))[0];
  if (device === undefined) throw new Error("no device");
  const chan = engine.requestChannel(["memcpy"]);
  const [src, dst] = [new Uint8Array(LENGTH).fill(3), new Uint8Array(LENGTH)];
  const unmap = device.getUnmapData(2);
  unmap.len = LENGTH;
  unmap.toCnt = 1;
  unmap.fromCnt = 1;
  unmap.addr[0] = device.mapSingle(src, DmaDirection.TO_DEVICE);
  unmap.addr[1] = device.mapSingle(dst, DmaDirection.FROM_DEVICE);
  const tx = chan.prepMemcpy(unmap.addr[1] as number, unmap.addr[0] as number, LENGTH);
  if (tx === null) throw new Error("no room");
  tx.setUnmap(unmap);
  unmap.put();
  const status = await chan.syncWait(tx.submit());
  chan.release();
  let refusal: unknown = null;
  try {
    await engine.unregister(driver, { signal: AbortSignal.abort() });
  } catch (error) {
    refusal = error;
  }
  const { maps, unmaps } = device.stats().mapping;
  return { status, uncaught, refusal, leaked: maps - unmaps };
}

/** What the conformance kit says. */
async function failures(driver: () => DmaDriver): Promise<string[]> {
  const collector = new Collector();
  const report = conformance(collector, { name: "pl08x of 2.6.37", driver, log: () => {} });
  await collector.run({ only: (title) => title.includes("> memcpy >"), untilFailure: true });
  return report.cases.flatMap(({ reasons, outcome }) => (outcome === "failed" ? reasons : []));
}

describe("the defect of 2.6.37", () => {
  it("is not in this driver", async () => {
    const { status, uncaught, refusal, leaked } = await copyOnce(pl08x());
    expect([status, uncaught, refusal, leaked]).toEqual([DmaStatus.COMPLETE, [], null, 0]);
    expect(await failures(() => pl08x())).toEqual([]);
  });

  it("a driver that completes and unmaps nothing leaks every mapping, which the checker finds when it goes", async () => {
    const { status, refusal, leaked } = await copyOnce(unmapsNothing());
    expect([status, leaked]).toEqual([DmaStatus.COMPLETE, 2]);
    expect((refusal as DmaCheckError).check).toBe("leak");
  });

  it("the conformance kit catches it", async () => {
    expect((await failures(unmapsNothing)).join("\n")).toMatch(/mapping/);
  });

  it("a driver that keeps the reference leaks them, too, and can't go; who took the record is named", async () => {
    const { status, refusal, leaked } = await copyOnce(keepsTheReference());
    expect([status, leaked]).toEqual([DmaStatus.COMPLETE, 2]);
    expect((refusal as DmaError).code).toBe("ERR_DMA_BUSY");
    expect((refusal as DmaError).message).toMatch(/1 unmap records with references\n.*defect-2-6-37/s);
  });

  it("the conformance kit catches that", async () => {
    expect((await failures(keepsTheReference)).join("\n")).toMatch(/unmap record/);
  });

  it("a driver that unmaps by itself is found by the client's own unmapping", async () => {
    const { uncaught } = await copyOnce(unmapsItself());
    expect(uncaught.map((error) => (error as DmaError).code)).toEqual(["ERR_DMA_MAPPING"]);
  });

  it("the conformance kit catches that as well", async () => {
    expect((await failures(unmapsItself)).join("\n")).toMatch(/no mapped buffer holds/);
  });
});
