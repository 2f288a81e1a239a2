import { FaultyMember, MemoryMember } from "@dmaengine/raid456";
import { describe, expect, it } from "vitest";
import { examine } from "./examine.js";
import { writeSuperblock } from "./superblock-io.js";
import { superblockSector } from "./superblock-place.js";
import { makeArray, superblockOf } from "./testing/array-fixture.js";
import { goldenSuperblock12, goldenSuperblock090 } from "./testing/golden.js";

async function member(): Promise<MemoryMember> {
  const [first] = await makeArray(5, 3);
  return first as MemoryMember;
}

describe("examine", () => {
  it("finds the superblock of a member", async () => {
    const device = await member();
    expect(await examine(device)).toEqual({
      device,
      version: "1.2",
      superblock: await superblockOf(device),
      problem: null,
      alsoFound: [],
    });
  });

  it("says that there is none, also on devices too small for one", async () => {
    for (const size of [0, 511, 4096, 8191, 1 << 20]) {
      expect(await examine(new MemoryMember(size))).toMatchObject({
        version: null,
        superblock: null,
        problem: { code: "ERR_MD_NO_SUPERBLOCK" },
      });
    }
  });

  it("tells a wrong checksum", async () => {
    const device = await member();
    device.bytes[4096 + 200]! ^= 1;
    expect(await examine(device)).toMatchObject({ superblock: null, problem: { code: "ERR_MD_CHECKSUM" } });
  });

  it("tells a truncated image, and what it should hold", async () => {
    const device = await member();
    const short = new MemoryMember(device.bytes.slice(0, -512));
    expect(await examine(short)).toMatchObject({
      superblock: { level: 5 },
      problem: {
        code: "ERR_MD_TOO_SMALL",
        message: expect.stringContaining("2560 sectors, but the device has only 2559"),
      },
    });
  });

  it.each([
    ["1.1", 0],
    ["1.0", 2544],
  ] as const)("reads %s and says that it is not supported", async (version, sector) => {
    const bytes = goldenSuperblock12();
    const view = new DataView(bytes.buffer);
    view.setBigUint64(144, BigInt(sector), true);
    view.setBigUint64(128, version === "1.0" ? 0n : 1024n, true);
    view.setBigUint64(136, 1024n, true);
    view.setUint32(216, 0, true);
    let sum = 0;
    for (let offset = 0; offset < 512; offset += 4) sum += view.getUint32(offset, true);
    view.setUint32(216, (sum % 2 ** 32) + Math.floor(sum / 2 ** 32), true);
    const device = new MemoryMember(2560 * 512);
    device.bytes.set(bytes, sector * 512);
    expect(await examine(device)).toMatchObject({
      version,
      superblock: { superOffset: sector, setName: "lab:vec" },
      problem: { code: "ERR_MD_UNSUPPORTED", message: `metadata ${version} is not supported yet, only 1.2` },
    });
  });

  it.each([true, false])("recognises 0.90, little endian %s", async (littleEndian) => {
    const device = new MemoryMember(8 << 20);
    const place = (superblockSector("0.90", 16_384) as number) * 512;
    device.bytes.set(goldenSuperblock090({ littleEndian }), place);
    expect(await examine(device)).toMatchObject({
      version: "0.90",
      superblock: null,
      problem: { code: "ERR_MD_UNSUPPORTED", message: "metadata 0.90 is not supported yet, only 1.2" },
    });
    device.bytes[place + 100]! ^= 1;
    expect(await examine(device)).toMatchObject({ version: null, problem: { code: "ERR_MD_CHECKSUM" } });
  });

  it("goes by 1.2 where an older format was left behind, and mentions that", async () => {
    const device = await member();
    device.bytes.set(goldenSuperblock090(), (superblockSector("0.90", 2560) as number) * 512);
    expect(await examine(device)).toMatchObject({ version: "1.2", problem: null, alsoFound: ["0.90"] });
    device.bytes[4096 + 200]! ^= 1;
    expect(await examine(device)).toMatchObject({ version: "0.90", problem: { code: "ERR_MD_CHECKSUM" } });
  });

  it("tells that the device can't be read", async () => {
    const device = new FaultyMember(await member(), { operation: "read", startBytes: 4096, endBytes: 8192 });
    expect(await examine(device)).toMatchObject({
      problem: { code: "ERR_MD_UNREADABLE", cause: { code: "ERR_MEMBER_IO" } },
    });
  });

  it("writes nothing", async () => {
    const device = await member();
    const before = device.bytes.slice();
    await examine(device);
    expect(device.bytes).toEqual(before);
  });
});

describe("writeSuperblock", () => {
  it("writes the sectors that the superblock takes, and whole logical blocks where the array has them", async () => {
    const device = await member();
    const superblock = await superblockOf(device);
    device.bytes.fill(0x5a);
    const written = () =>
      device.bytes.subarray(4096, device.bytes.findLastIndex((byte) => byte !== 0x5a) + 1);
    await writeSuperblock(device, superblock);
    expect(written()).toEqual(superblock.bytes.subarray(0, 512));
    await writeSuperblock(device, { ...superblock, logicalBlockBytes: 4096 });
    expect(written()).toEqual(superblock.bytes);
  });
});
