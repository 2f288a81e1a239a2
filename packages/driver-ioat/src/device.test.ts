import { DmaDirection, DmaEngine, DmaStatus, SumCheck } from "@dmaengine/core";
import { Platform } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import { IoatDevice } from "./device.js";
import { plugIoat } from "./hw/device.js";
import { IOAT_VARIANTS, type IoatVersion } from "./variant.js";

const CHANERR_INT = 0x180;
const READ_DATA = 1 << 8;
const P_MISMATCH = 1 << 16;
const MIB = 2 ** 20;

/** A device of which the test has the hardware's side, too. */
function rig(version: IoatVersion, validate = true) {
  const platform = new Platform();
  const pci = plugIoat(platform, "ioat0", IOAT_VARIANTS[version], 1);
  /** What CHANERR_INT held at each report. */
  const reported: number[] = [];
  const device = new IoatDevice(platform, pci, {
    name: "ioat0",
    ringSize: 16,
    ringOrder: 4,
    ringMaxOrder: 4,
    validate,
    interruptStyle: "msix",
    coalesceMicros: 0,
    log: () => reported.push(pci.readConfig32(CHANERR_INT)),
  });
  return { platform, pci, device, reported };
}

describe("what a device offers", () => {
  /** A ring of 16 has room for 12; a piece of a RAID operation takes two, and a null descriptor comes behind. */
  const [copy, xor] = [{ maxLengthBytes: 12 * MIB }, { maxSources: 8, maxLengthBytes: 5 * MIB }];
  const pq = { ...xor, continuation: false };

  it.each([
    ["1.2", { memcpy: { maxLengthBytes: 12 * 32768 } }],
    ["2.0", { memcpy: { maxLengthBytes: 12 * 32768 } }],
    ["3.0", { memcpy: copy, interrupt: {} }],
    ["3.2", { memcpy: copy, interrupt: {}, memset: copy, xor, xorVal: xor, pq, pqVal: pq }],
    [
      "3.3",
      {
        memcpy: copy,
        interrupt: {},
        memset: copy,
        xor,
        xorVal: xor,
        pq: { ...pq, maxSources: 16 },
        pqVal: { ...pq, maxSources: 16 },
      },
    ],
  ] as const)("stands in its registers (%s)", (version, capabilities) => {
    expect(rig(version).device.describe().capabilities).toEqual(capabilities);
  });

  it.each(["3.2", "3.3"] as const)("has no checks where they are not wanted (%s)", (version) => {
    const { capabilities } = rig(version, false).device.describe();
    expect(Object.keys(capabilities).sort()).toEqual(["interrupt", "memcpy", "memset", "pq", "xor"]);
  });
});

describe("errors that a reset does not clear", () => {
  it.each(["3.0", "3.2"] as const)("are cleared in configuration space (%s)", async (version) => {
    const { pci, device, reported } = rig(version);
    device.enableInterrupts();
    const engine = new DmaEngine();
    await engine.register({ name: "test", contract: 1, probe: () => [device.describe()] });
    const chan = engine.requestChannel(["memcpy"]);
    const base = chan.device.mapSingle(new Uint8Array(128), DmaDirection.BIDIRECTIONAL);
    const cookie = chan.prepMemcpy(base, 0x10, 64)?.submit() as number;
    expect(await chan.syncWait(cookie)).toBe(DmaStatus.ERROR);
    expect(reported).toEqual([READ_DATA]);
    expect(pci.readConfig32(CHANERR_INT)).toBe(0);
  });

  it("include those of a check, which is no failure", async () => {
    const { pci, device, platform } = rig("3.2");
    device.enableInterrupts();
    const engine = new DmaEngine();
    await engine.register({ name: "test", contract: 1, probe: () => [device.describe()] });
    const chan = engine.requestChannel(["xorVal"]);
    const base = chan.device.mapSingle(new Uint8Array(128).fill(1, 0, 1), DmaDirection.BIDIRECTIONAL);
    const result = new SumCheck();
    const cookie = chan.prepXorVal([base, base + 64], 2, 64, result)?.submit() as number;
    chan.issuePending();
    while (pci.readConfig32(CHANERR_INT) === 0) expect(platform.clock.runNext()).toBe(true);
    expect(pci.readConfig32(CHANERR_INT)).toBe(P_MISMATCH);
    expect(await chan.syncWait(cookie)).toBe(DmaStatus.COMPLETE);
    expect([result.pFailed, pci.readConfig32(CHANERR_INT)]).toEqual([true, 0]);
  });
});
