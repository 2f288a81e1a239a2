import { DmaEngine, DmaError } from "@dmaengine/core";
import { cpu } from "@dmaengine/driver-cpu";
import { describe, expect, it } from "vitest";
import { isal } from "./index.js";
import { missing, titled } from "./testing/library.js";

describe("without the library", () => {
  it("registration fails, and says how to get it", async () => {
    const engine = new DmaEngine();
    const refused = engine.register(isal({ library: "libisal-of-another-world.so.2" }));
    await expect(refused).rejects.toSatisfy(DmaError.isInstance);
    await expect(refused).rejects.toMatchObject({
      code: "ERR_DMA_PLUGIN",
      message: expect.stringMatching(
        /^isal: libisal-of-another-world\.so\.2 can't be loaded: .*apt install libisal2.*driver-cpu needs no library$/s,
      ),
    });
  });

  it("the engine instance is as good as before", async () => {
    const engine = new DmaEngine();
    await expect(engine.register(isal({ library: "/dev/null" }))).rejects.toThrow(
      "/dev/null can't be loaded",
    );
    expect(engine.devices).toEqual([]);
    await engine.register(cpu({ name: "isal" }));
    expect(engine.requestChannel(["xor", "pq"]).device.name).toBe("isal");
  });
});

describe("options", () => {
  it.each([0, -1, 1.5, 65537, Number.NaN])("refuses a ringSize of %s", (ringSize) => {
    expect(() => isal({ ringSize })).toThrow(`isal: expected ringSize from 1 to 65536, got ${ringSize}`);
  });

  it.each([-1, 65])("refuses %s threads", (threads) => {
    expect(() => isal({ threads })).toThrow(
      expect.objectContaining({
        code: "ERR_DMA_LIMIT",
        message: `isal: expected threads from 0 to 64, got ${threads}`,
      }),
    );
  });
});

describe.skipIf(missing !== undefined)(titled("what it claims"), () => {
  it("is xor and P+Q, with no alignment, on as many channels as threads", async () => {
    const engine = new DmaEngine();
    await engine.register(isal({ name: "isal7", threads: 3, ringSize: 7 }));
    const [device] = engine.devices;
    expect(device).toMatchObject({ name: "isal7", ringSize: 7 });
    const limits = { maxSources: 255, maxLengthBytes: 2 ** 31 - 128 };
    expect(device?.capabilities).toEqual({
      xor: limits,
      xorVal: limits,
      pq: { ...limits, continuation: true },
      pqVal: { ...limits, continuation: true },
    });
    const chans = [1, 2, 3].map(() => engine.requestChannel(["pqVal"]));
    expect(new Set(chans.map(({ name }) => name)).size).toBe(3);
  });
});
