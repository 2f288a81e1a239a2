import { conformance, type OperationExercise } from "@dmaengine/conformance";
import { DmaDirection, DmaEngine, DmaStatus } from "@dmaengine/core";
import { describe, expect, it } from "vitest";
import { crc32c } from "./crc32c.js";
import { sample } from "./index.js";

/** How the suite calls the operation: alone and with a copy, at the start of a sum and in the middle of one. */
const exercise: OperationExercise<"crc32c"> = {
  definition: crc32c,
  shapes: ({ copy }) =>
    [0, 0x1234_5678].flatMap((seed) =>
      (copy ? [false, true] : [false]).map((copying) => ({
        title: `seed ${seed}${copying ? ", with a copy" : ""}`,
        operands: copying ? 2 : 1,
        flags: 0,
        prepare(preps, [src, dst = null], lengthBytes, flags) {
          const result = { value: 0 };
          const tx = preps.prepCrc32c(dst, src as number, lengthBytes, seed, result, flags);
          return { tx, verdict: () => result.value };
        },
      })),
    ),
};

conformance(
  { describe, it, expect },
  { name: "sample-driver", driver: () => sample(), exercises: [exercise] },
);

/** RFC 3720, B.4, and the check value of the CRC catalogue. */
const VECTORS: readonly [name: string, bytes: Uint8Array, crc: number][] = [
  ["123456789", new TextEncoder().encode("123456789"), 0xe3069283],
  ["32 bytes of 0", new Uint8Array(32), 0x8a9136aa],
  ["32 bytes of 0xff", new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ["32 rising bytes", Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
  ["32 falling bytes", Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
];

describe("crc32c", () => {
  it("refuses what is outside the limits", async () => {
    const engine = new DmaEngine();
    await engine.register(sample());
    const chan = engine.requestChannel(["crc32c"]);
    const refused = expect.objectContaining({ code: "ERR_DMA_LIMIT" });
    for (const [dst, src, lengthBytes] of [
      [null, 4096, 0],
      [null, 4096, (1 << 20) + 1],
      [null, -1, 8],
      [-1, 4096, 8],
    ] as const) {
      expect(() => chan.prepCrc32c(dst, src, lengthBytes, 0, { value: 0 })).toThrow(refused);
    }
  });

  it.each(VECTORS)("of %s", async (_name, bytes, crc) => {
    const engine = new DmaEngine({ checker: true });
    const driver = sample();
    await engine.register(driver);
    const chan = engine.requestChannel(["crc32c"]);
    const { device } = chan;
    const src = device.mapSingle(bytes, DmaDirection.TO_DEVICE);

    const whole = { value: 0 };
    const tx = chan.prepCrc32c(null, src, bytes.length, 0, whole);
    expect(await chan.syncWait(tx!.submit())).toBe(DmaStatus.COMPLETE);
    expect(whole.value).toBe(crc);

    const [first, second] = [{ value: 0 }, { value: 0 }];
    await chan.syncWait(chan.prepCrc32c(null, src, 5, 0, first)!.submit());
    await chan.syncWait(chan.prepCrc32c(null, src + 5, bytes.length - 5, first.value, second)!.submit());
    expect(second.value).toBe(crc);

    device.unmapSingle(src, bytes.length, DmaDirection.TO_DEVICE);
    chan.release();
    await engine.unregister(driver);
  });
});
