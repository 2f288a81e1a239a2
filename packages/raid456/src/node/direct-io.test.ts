import { execFileSync } from "node:child_process";
import { statfsSync } from "node:fs";
import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DmaDevice, DmaEngine } from "@dmaengine/core";
import { cpu } from "@dmaengine/driver-cpu/node";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RaidArray } from "../array.js";
import { FileMember } from "./file-member.js";

const PAGE_BYTES = 4096;
const PAGES = 32;
const FILE_BYTES = PAGES * PAGE_BYTES;
/** linux/magic.h. */
const TMPFS_MAGIC = 0x01021994;
const onLinux = process.platform === "linux";

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "direct-io-"));
  path = join(folder, "disk.img");
  await writeFile(path, content());
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

function content(): Uint8Array {
  return Uint8Array.from({ length: FILE_BYTES }, (_, i) => (i * 7) ^ (i >> 12));
}

/** Memory that begins where a page does. */
function aligned(sizeBytes: number): Uint8Array {
  const memory = new WebAssembly.Memory({ initial: 4, maximum: 4, shared: true });
  return new Uint8Array(memory.buffer, 0, sizeBytes);
}

/** How much of a file the page cache holds, in pages. */
function cachedPages(file = path): number {
  const options = ["--noheadings", "--output", "pages", file];
  return Number(execFileSync("fincore", options, { encoding: "utf8" }));
}

/** Writes a file to its disk, and drops it from the page cache. */
function dropFromCache(file = path): void {
  execFileSync("dd", [`of=${file}`, "conv=notrunc,fdatasync", "count=0"], { stdio: "ignore" });
  execFileSync("dd", [`if=${file}`, "iflag=nocache", "count=0"], { stdio: "ignore" });
}

/** Whether the folder for temporary files is on a disk. What is in memory is in the page cache, however it is opened. */
const onDisk = onLinux && statfsSync(tmpdir()).type !== TMPFS_MAGIC;

describe.skipIf(!onDisk)("FileMember.open with direct", () => {
  it("reads and writes the same bytes as without, aligned or not", async () => {
    const member = await FileMember.open(path, { writable: true, direct: true });
    const expected = content();
    // Of these, the I/O threads get all but the last one before long; only the first one is sure to begin where a page does.
    const size = 9 * PAGE_BYTES;
    const memories = [aligned(size), new Uint8Array(new SharedArrayBuffer(size)), new Uint8Array(size)];
    const page = fc.nat(PAGES - 1).map((index) => index * PAGE_BYTES);
    const place = fc.oneof(page, fc.nat(FILE_BYTES - 1));
    const length = fc.oneof(fc.constantFrom(PAGE_BYTES, 2 * PAGE_BYTES), fc.nat(2 * PAGE_BYTES));
    const transfer = fc.record({
      writes: fc.boolean(),
      whole: fc.constantFrom(...memories),
      shift: fc.constantFrom(0, 0, 1, 512),
      pieces: fc.array(length, { minLength: 1, maxLength: 4 }),
      place,
      fill: fc.nat(255),
    });
    await fc.assert(
      fc.asyncProperty(transfer, async ({ writes, whole, shift, pieces, place, fill }) => {
        for (let i = 0; i < whole.length; i++) whole[i] = i * 31 + fill;
        let at = shift;
        const vector = pieces.map((pieceBytes) => {
          at += pieceBytes;
          return whole.subarray(at - pieceBytes, at);
        });
        const bytes = at - shift;
        fc.pre(place + bytes <= FILE_BYTES);
        if (writes) {
          await member.writeVector(place, vector);
          expected.set(Buffer.concat(vector), place);
        } else {
          await member.readVector(place, vector);
          expect(Buffer.concat(vector).equals(expected.subarray(place, place + bytes))).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
    await member.flush();
    await member.close();
    expect(Buffer.compare(await readFile(path), expected)).toBe(0);
  });

  it("leaves the page cache as it is, where memory is aligned", async () => {
    dropFromCache();
    expect(cachedPages()).toBe(0);
    const member = await FileMember.open(path, { writable: true, direct: true });
    const memory = aligned(8 * PAGE_BYTES);
    await member.read(PAGE_BYTES, memory);
    await member.writeVector(16 * PAGE_BYTES, [memory.subarray(0, PAGE_BYTES), memory.subarray(PAGE_BYTES)]);
    expect(cachedPages()).toBe(0);
    await member.read(0, aligned(FILE_BYTES + 1).subarray(1));
    expect(cachedPages()).toBeGreaterThan(0);
    await member.close();
  });

  it("serves a whole array past the page cache, whose stripes and requests are aligned", async () => {
    const engine = new DmaEngine();
    const [device] = (await engine.register(cpu())) as [DmaDevice];
    const paths = Array.from({ length: 5 }, (_, i) => join(folder, `member-${i}`));
    for (const file of paths) {
      await writeFile(file, new Uint8Array(1 << 20));
      dropFromCache(file);
    }
    const open = (file: string): Promise<FileMember> =>
      FileMember.open(file, { writable: true, direct: true });
    const members = await Promise.all(paths.map(open));
    const slots = members.map((member) => ({ device: member, dataOffsetBytes: 0 }));
    const options = { level: 6, raidDisks: 5, chunkBytes: 65536, memberBytes: 1 << 20, engine } as const;
    const written = device.alloc(3 << 20, PAGE_BYTES);
    for (let i = 0; i < written.length; i++) written[i] = i * 7 + (i >> 12);
    const array = new RaidArray({ ...options, members: slots });
    await array.write(0, written);
    await array.write(5 * PAGE_BYTES, written.subarray(0, PAGE_BYTES));
    await array.flush();
    array.close();
    written.copyWithin(5 * PAGE_BYTES, 0, PAGE_BYTES);
    const degraded = new RaidArray({
      ...options,
      members: slots.map((slot, i) => (i % 2 === 1 ? null : slot)),
    });
    const read = device.alloc(3 << 20, PAGE_BYTES);
    await degraded.read(0, read);
    degraded.close();
    expect(Buffer.compare(read, written)).toBe(0);
    expect(paths.map(cachedPages)).toEqual([0, 0, 0, 0, 0]);
    await Promise.all(members.map((member) => member.close()));
  });

  it("says where the file ends when it became shorter", async () => {
    const member = await FileMember.open(path, { direct: true });
    await truncate(path, PAGE_BYTES + 100);
    await expect(member.read(0, aligned(2 * PAGE_BYTES))).rejects.toMatchObject({
      code: "ERR_MEMBER_SHORT",
      message: expect.stringContaining(`ends at byte ${PAGE_BYTES + 100}`),
    });
    await member.close();
  });

  it("reads and writes the file that it opened, whatever its path is now", async () => {
    const member = await FileMember.open(path, { writable: true, direct: true });
    await rm(path);
    await writeFile(path, "another one");
    const memory = aligned(PAGE_BYTES).fill(5);
    await member.write(0, memory);
    await member.read(0, memory.fill(0));
    expect(memory.every((byte) => byte === 5)).toBe(true);
    await member.close();
    expect(await readFile(path, "utf8")).toBe("another one");
  });

  it.skipIf(!canAttach())("keeps a block device for itself (needs root and a loop device)", async () => {
    const device = execFileSync("losetup", ["--find", "--show", path], { encoding: "utf8" }).trim();
    try {
      const member = await FileMember.open(device, { writable: true, direct: true });
      await expect(FileMember.open(device, { writable: true, direct: true })).rejects.toMatchObject({
        code: "ERR_MEMBER_OPEN",
        message: expect.stringContaining("belongs to a running array"),
      });
      await member.write(PAGE_BYTES, aligned(PAGE_BYTES).fill(9));
      await member.write(3, Uint8Array.of(1, 2));
      await member.flush();
      await member.close();
    } finally {
      execFileSync("losetup", ["--detach", device]);
    }
    const expected = content();
    expected.fill(9, PAGE_BYTES, 2 * PAGE_BYTES);
    expected.set([1, 2], 3);
    expect(Buffer.compare(await readFile(path), expected)).toBe(0);
  });
});

describe.skipIf(!onLinux)("FileMember.open with direct, where there is no such thing", () => {
  it("says so", async () => {
    await expect(FileMember.open("/proc/self/status", { direct: true })).rejects.toMatchObject({
      code: "ERR_MEMBER_OPEN",
      message:
        "/proc/self/status: can't be opened for direct I/O, open it without `direct`: its file system has no O_DIRECT",
    });
  });
});

/** Whether there is a loop device that this process may use. */
function canAttach(): boolean {
  try {
    execFileSync("losetup", ["--find"], { stdio: "ignore" });
    return process.getuid?.() === 0;
  } catch {
    return false;
  }
}
