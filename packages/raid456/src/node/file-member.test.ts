import { closeSync, existsSync, openSync, readdirSync, readSync } from "node:fs";
import { mkdir, mkdtemp, open, readFile, rm, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { probeSize } from "./block-device-size.js";
import { FileMember } from "./file-member.js";

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "file-member-"));
  path = join(folder, "disk.img");
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe("FileMember.create", () => {
  it("makes an image of zeros of the given size, open for writing", async () => {
    const member = await FileMember.create(path, 1 << 20);
    expect([member.name, member.sizeBytes, member.writable]).toEqual([path, 1 << 20, true]);
    await member.close();
    const content = await readFile(path);
    expect(content.length).toBe(1 << 20);
    expect(content.every((byte) => byte === 0)).toBe(true);
  });

  it("never overwrites a file", async () => {
    await writeFile(path, "precious");
    await expect(FileMember.create(path, 4096)).rejects.toMatchObject({
      code: "ERR_MEMBER_OPEN",
      message: expect.stringContaining("EEXIST"),
    });
    expect(await readFile(path, "utf8")).toBe("precious");
  });

  it("leaves no file behind when the size is impossible", async () => {
    await expect(FileMember.create(path, 2 ** 63)).rejects.toMatchObject({ code: "ERR_MEMBER_OPEN" });
    expect(existsSync(path)).toBe(false);
  });
});

describe("FileMember.open", () => {
  it("reads and writes at any offset", async () => {
    await writeFile(path, new Uint8Array(8192));
    const member = await FileMember.open(path, { writable: true });
    await member.write(5000, Uint8Array.of(7, 8, 9));
    await member.flush();
    const into = new Uint8Array(5);
    await member.read(4999, into);
    expect([...into]).toEqual([0, 7, 8, 9, 0]);
    await member.close();
    await member.close();
    await expect(member.read(0, into)).rejects.toMatchObject({ code: "ERR_MEMBER_CLOSED" });
    await expect(member.write(0, into)).rejects.toMatchObject({ code: "ERR_MEMBER_CLOSED" });
    await expect(member.flush()).rejects.toMatchObject({ code: "ERR_MEMBER_CLOSED" });
  });

  it("reads and writes several pieces of memory with one call", async () => {
    await writeFile(path, new Uint8Array(8192));
    const member = await FileMember.open(path, { writable: true });
    await member.writeVector(4094, [Uint8Array.of(1, 2, 3), new Uint8Array(0), Uint8Array.of(4)]);
    const into = [new Uint8Array(2), new Uint8Array(4)];
    await member.readVector(4093, into);
    expect(into.map((piece) => [...piece])).toEqual([
      [0, 1],
      [2, 3, 4, 0],
    ]);
    await expect(member.readVector(8190, into)).rejects.toMatchObject({ code: "ERR_MEMBER_RANGE" });
    await expect(member.writeVector(-1, into)).rejects.toMatchObject({ code: "ERR_MEMBER_RANGE" });
    await truncate(path, 4095);
    await expect(member.readVector(4093, into)).rejects.toMatchObject({
      code: "ERR_MEMBER_SHORT",
      message: expect.stringContaining("ends at byte 4095"),
    });
    await member.close();
    await expect(member.readVector(0, into)).rejects.toMatchObject({ code: "ERR_MEMBER_CLOSED" });
    await expect(member.writeVector(0, into)).rejects.toMatchObject({ code: "ERR_MEMBER_CLOSED" });
  });

  it("refuses to write and has nothing to flush when opened for reading", async () => {
    await writeFile(path, new Uint8Array(512));
    const member = await FileMember.open(path);
    expect(member.writable).toBe(false);
    await expect(member.write(0, new Uint8Array(1))).rejects.toMatchObject({ code: "ERR_MEMBER_READ_ONLY" });
    await member.flush();
    await member.close();
  });

  it("leaves bytes and time stamps as they were when it only looks", async () => {
    await writeFile(path, "content");
    // An access time older than the modification time is what `relatime` mounts would update.
    await utimes(path, new Date("2001-01-01"), new Date("2002-02-02"));
    const before = await stat(path);
    const member = await FileMember.open(path);
    await member.read(0, new Uint8Array(7));
    await member.close();
    const after = await stat(path);
    expect([after.atimeMs, after.mtimeMs, after.ctimeMs]).toEqual([
      before.atimeMs,
      before.mtimeMs,
      before.ctimeMs,
    ]);
  });

  it("says so when the file became shorter after it was opened", async () => {
    await writeFile(path, new Uint8Array(4096));
    const member = await FileMember.open(path);
    await truncate(path, 1000);
    await expect(member.read(0, new Uint8Array(4096))).rejects.toMatchObject({
      code: "ERR_MEMBER_SHORT",
      message: expect.stringContaining("ends at byte 1000"),
    });
    await member.close();
  });

  it("refuses ranges outside the file", async () => {
    await writeFile(path, new Uint8Array(512));
    const member = await FileMember.open(path, { writable: true });
    await expect(member.read(500, new Uint8Array(13))).rejects.toMatchObject({ code: "ERR_MEMBER_RANGE" });
    await expect(member.write(512, new Uint8Array(1))).rejects.toMatchObject({ code: "ERR_MEMBER_RANGE" });
    await member.close();
  });

  it("names what is wrong with a path that can't be a member", async () => {
    const failed = { code: "ERR_MEMBER_OPEN", device: path };
    await expect(FileMember.open(path)).rejects.toMatchObject({
      ...failed,
      message: expect.stringContaining("ENOENT"),
    });
    await mkdir(path);
    await expect(FileMember.open(path)).rejects.toMatchObject({
      ...failed,
      message: `${path}: not a regular file or block device`,
    });
  });

  const disk = readableBlockDevice();
  it.skipIf(disk === undefined)("knows the size of a block device (needs one that may be read)", async () => {
    const member = await FileMember.open(disk as string);
    expect(member.sizeBytes).toBeGreaterThan(0);
    await member.read(member.sizeBytes - 512, new Uint8Array(512));
    await member.close();
    const handle = await open(disk as string);
    expect(await probeSize(handle)).toBe(member.sizeBytes);
    await handle.close();
  });
});

function readableBlockDevice(): string | undefined {
  if (!existsSync("/sys/class/block")) return undefined;
  return readdirSync("/sys/class/block")
    .map((name) => `/dev/${name}`)
    .find((device) => {
      try {
        // A drive without a medium, or a loop device without a file, can't be read.
        const handle = openSync(device, "r");
        try {
          return readSync(handle, new Uint8Array(512)) === 512;
        } finally {
          closeSync(handle);
        }
      } catch {
        return false;
      }
    });
}
