// The driver on machines other than the plain one: caches that the device doesn't see, an IOMMU, a trace.

import { DMA_PREP_INTERRUPT, DmaDirection, DmaEngine, DmaStatus } from "@dmaengine/core";
import { PLATFORMS, Platform, type PlatformOptions, TraceRecorder } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import { ioat } from "./index.js";

const { BIDIRECTIONAL, TO_DEVICE, FROM_DEVICE } = DmaDirection;
const SEEDS = 100;

async function rig(options: PlatformOptions, checker: boolean) {
  const platform = new Platform(options);
  const recorder = new TraceRecorder(platform);
  const engine = new DmaEngine({ checker, trace: recorder.engine });
  const [device] = await engine.register(ioat({ platform, channels: 1 }));
  if (device === undefined) throw new Error("no device");
  const chan = engine.requestChannel(["memcpy", "xor"]);
  return { platform, recorder, device, chan };
}

const filled = (value: number) => new Uint8Array(4096).fill(value);

/** Copies a page as it should be done. */
async function copyPage(options: PlatformOptions, checker: boolean) {
  const r = await rig(options, checker);
  const src = filled(1);
  const dst = filled(2);
  const srcAddr = r.device.mapSingle(src, TO_DEVICE);
  const dstAddr = r.device.mapSingle(dst, FROM_DEVICE);
  expect([r.device.mappingError(srcAddr), r.device.mappingError(dstAddr)]).toEqual([false, false]);
  const tx = r.chan.prepMemcpy(dstAddr, srcAddr, 4096, DMA_PREP_INTERRUPT);
  expect(tx).not.toBeNull();
  expect(await r.chan.syncWait(tx?.submit() ?? 0)).toBe(DmaStatus.COMPLETE);
  r.device.unmapSingle(srcAddr, 4096, TO_DEVICE);
  r.device.unmapSingle(dstAddr, 4096, FROM_DEVICE);
  return { ...r, dst };
}

describe("a client that maps correctly", () => {
  it.each([
    ["coherent caches", {}],
    ["v5", { coherence: "v5" }],
    ["v7", { coherence: "v7" }],
    ["an IOMMU", { iommu: true }],
    ["an IOMMU and v7", { iommu: true, coherence: "v7" }],
  ] as const)(
    "gets its bytes with %s, whatever the seed, and the checker finds nothing",
    async (_name, options) => {
      for (let seed = 0; seed < SEEDS; seed++) {
        const { dst } = await copyPage({ ...options, seed }, true);
        expect(dst, `seed ${seed}`).toEqual(filled(1));
      }
    },
  );
});

describe("a client that maps a page twice", () => {
  /** Two copies into the halves of one page, which is mapped for each of them; it is used once the first is done. */
  async function copyHalves(coherence: "coherent" | "v5" | "v7", seed: number, checker: boolean) {
    const { device, chan } = await rig({ coherence, seed, clock: "free" }, checker);
    const src = device.mapSingle(filled(1), TO_DEVICE);
    const page = filled(2);
    const first = device.mapSingle(page, BIDIRECTIONAL);
    const second = device.mapSingle(page, BIDIRECTIONAL);
    await chan.syncWait(chan.prepMemcpy(first, src, 2048)?.submit() ?? 0);
    device.unmapSingle(first, 4096, BIDIRECTIONAL);
    page.fill(5, 0, 2048);
    await chan.syncWait(chan.prepMemcpy(second + 2048, src, 2048)?.submit() ?? 0);
    device.unmapSingle(second, 4096, BIDIRECTIONAL);
    return page.every((byte, at) => byte === (at < 2048 ? 5 : 1));
  }

  it("is caught by the checker", async () => {
    await expect(copyHalves("v7", 0, true)).rejects.toMatchObject({ check: "overlap" });
  });

  it("has luck where caches are coherent, and wrong bytes with every seed where they are not", async () => {
    expect(await copyHalves("coherent", 0, false)).toBe(true);
    for (let seed = 0; seed < SEEDS; seed++) {
      expect(await copyHalves("v5", seed, false), `v5, seed ${seed}`).toBe(false);
      expect(await copyHalves("v7", seed, false), `v7, seed ${seed}`).toBe(false);
    }
  });
});

it("has its transactions, mappings and interrupts in a trace", async () => {
  const { recorder, platform } = await copyPage(PLATFORMS["x86-ioat"], false);
  const slices = recorder.toChromeTrace().traceEvents.filter(({ ph }) => ph === "X");
  // A page takes 150 + 1024 ns, and 500 ns more until its completion word is in memory.
  expect(slices.map(({ name }) => name).sort()).toEqual([
    "ioat0-msix-0",
    "map",
    "map",
    "memcpy",
    "unmap",
    "unmap",
  ]);
  expect(slices.find(({ name }) => name === "memcpy")?.dur).toBeGreaterThanOrEqual(1.674);
  expect(platform.meter.count("mmioWrite")).toBeGreaterThan(0);
  expect(recorder.summary()).toMatch(/^x86-ioat: \d+ ns\n/);
});
