import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { probeSize } from "./block-device-size.js";

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "block-device-size-"));
  path = join(folder, "disk.img");
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe("probeSize", () => {
  it.each([0, 1, 512, 4095, 4096, 4097, 8192, 70_000, 1 << 20, (1 << 20) + 512])(
    "finds the end of %d bytes",
    async (size) => {
      await writeFile(path, new Uint8Array(size));
      const handle = await open(path);
      expect(await probeSize(handle)).toBe(size);
      await handle.close();
    },
  );

  it("takes a bad sector for a part of the device, and any other error for its end", async () => {
    const blocks = 1000;
    const read = async (_buffer: Uint8Array, _offset: number, _length: number, position: number) => {
      const index = position / 4096;
      if (index >= blocks) throw Object.assign(new Error("no such address"), { code: "ENXIO" });
      if (index % 8 === 0) throw Object.assign(new Error("bad sector"), { code: "EIO" });
      return { bytesRead: 4096 };
    };
    expect(await probeSize({ read } as unknown as Parameters<typeof probeSize>[0])).toBe(blocks * 4096);
  });
});
