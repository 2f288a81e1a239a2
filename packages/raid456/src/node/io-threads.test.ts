import { closeSync, openSync, readFileSync } from "node:fs";
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileMember } from "./file-member.js";
import { MAX_PIECES, TransferKind } from "./io-ring.js";
import { IoThreads, TRANSFERS_TO_SHARE } from "./io-threads.js";

const { READ, WRITE } = TransferKind;
const FILE_BYTES = 64 * 1024;

let folder: string;
let path: string;
let io: IoThreads;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "io-threads-"));
  path = join(folder, "disk.img");
  await writeFile(
    path,
    Uint8Array.from({ length: FILE_BYTES }, (_, i) => i * 7),
  );
  // In this process they are started once for all tests.
  io = IoThreads.cached;
  const memory = shareable(1);
  while (!io.takes([memory])) await new Promise((resolve) => setTimeout(resolve));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** Memory that threads can have. */
function shareable(sizeBytes: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(sizeBytes));
}

/** Memory that threads have: they get what is used often. */
function shared(sizeBytes: number, threads = io): Uint8Array {
  const memory = shareable(sizeBytes);
  for (let i = 0; i <= TRANSFERS_TO_SHARE; i++) threads.takes([memory]);
  return memory;
}

function transfer(
  threads: IoThreads,
  ...[kind, fd, position, vector]: [TransferKind, number, number, readonly Uint8Array[]]
): Promise<number> {
  return new Promise((ended, failed) => {
    threads.transfer({ kind, fd, position, vector, ended, failed });
  });
}

async function withFile<T>(use: (fd: number) => Promise<T>): Promise<T> {
  const fd = openSync(path, "r+");
  try {
    return await use(fd);
  } finally {
    closeSync(fd);
  }
}

describe("IoThreads", () => {
  it("transfer what Node's own calls would, any number of transfers at once, from one buffer or many", async () => {
    const anyTransfer = fc.record({
      kind: fc.constantFrom(READ, WRITE),
      pieces: fc.array(fc.nat(200), { minLength: 1, maxLength: 5 }),
      ownBuffer: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(anyTransfer, { minLength: 1, maxLength: 60 }), async (transfers) => {
        const before = readFileSync(path);
        const expected = Buffer.from(before);
        const common = shared(FILE_BYTES);
        let at = 0;
        await withFile(async (fd) => {
          const ends = transfers.map(async ({ kind, pieces, ownBuffer }, n) => {
            const position = at;
            const vector = pieces.map((length) => {
              const piece = ownBuffer ? shared(length) : common.subarray(at, at + length);
              at += length;
              return piece;
            });
            const total = at - position;
            if (kind === WRITE) {
              for (const [i, piece] of vector.entries()) piece.fill(n + 31 * i);
              let to = position;
              for (const piece of vector) {
                expected.set(piece, to);
                to += piece.length;
              }
            }
            expect(await transfer(io, kind, fd, position, vector)).toBe(total);
            if (kind === READ) {
              expect(Buffer.concat(vector.map((piece) => Uint8Array.from(piece)))).toEqual(
                before.subarray(position, position + total),
              );
            }
          });
          await Promise.all(ends);
        });
        expect(
          Buffer.compare(readFileSync(path).subarray(0, FILE_BYTES), expected.subarray(0, FILE_BYTES)),
        ).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  it("take more than their ring has room for, in turn", async () => {
    const memory = shared(FILE_BYTES);
    await withFile(async (fd) => {
      const vectors = Array.from({ length: 100 }, (_, n) =>
        Array.from({ length: MAX_PIECES }, (_, i) =>
          memory.subarray(n * MAX_PIECES + i, n * MAX_PIECES + i + 1),
        ),
      );
      const ends = vectors.map((vector, n) => transfer(io, READ, fd, n * MAX_PIECES, vector));
      expect(await Promise.all(ends)).toEqual(vectors.map(() => MAX_PIECES));
    });
    const bytes = 100 * MAX_PIECES;
    expect(
      Buffer.compare(Uint8Array.from(memory.subarray(0, bytes)), readFileSync(path).subarray(0, bytes)),
    ).toBe(0);
  });

  it("sleep, and are woken, as does the client, again and again", async () => {
    const memory = shared(4096);
    await withFile(async (fd) => {
      for (let i = 0; i < 20; i++) {
        expect(await transfer(io, READ, fd, i * 512, [memory.subarray(0, 512)])).toBe(512);
        expect(memory[0]).toBe((i * 512 * 7) % 256);
        if (i % 4 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
      }
    });
  });

  it("reach positions beyond 4 GiB", async () => {
    await truncate(path, 5 * 1024 ** 3);
    const member = await FileMember.open(path, { writable: true });
    const at = 4.5 * 1024 ** 3 + 1;
    const memory = shared(8).fill(5);
    await member.write(at, memory);
    memory.fill(0);
    await member.read(at - 1, memory);
    expect([...memory]).toEqual([0, 5, 5, 5, 5, 5, 5, 5]);
    await member.close();
  });

  it("tell where a file ends, and what the system says", async () => {
    const memory = shared(100);
    await withFile(async (fd) => {
      expect(await transfer(io, READ, fd, FILE_BYTES - 10, [memory])).toBe(10);
      expect(await transfer(io, READ, fd, FILE_BYTES, [memory])).toBe(0);
    });
    await expect(transfer(io, READ, 999_999, 0, [memory])).rejects.toMatchObject({
      code: "EBADF",
      message: "EBADF: bad file descriptor",
    });
    await expect(transfer(io, WRITE, 999_999, 0, [memory, memory])).rejects.toMatchObject({ code: "EBADF" });
  });

  it("leave memory to Node that they can't reach", async () => {
    expect(io.takes([shared(1), new Uint8Array(1)])).toBe(false);
    expect(io.takes(new Array<Uint8Array>(MAX_PIECES + 1).fill(shared(1)))).toBe(false);
    expect(io.takes([shared(1), shareable(1)])).toBe(false);
    expect(io.takes([shared(1)])).toBe(true);
    const member = await FileMember.open(path);
    const vector = [shared(8), new Uint8Array(8)];
    await member.readVector(1, vector);
    expect(vector.map(([first]) => first)).toEqual([7, 63]);
    await member.close();
  });

  it("are started when there is enough for them to do", async () => {
    const late = new IoThreads(1);
    const memory = [shareable(16)];
    let asked = 0;
    for (; !late.takes(memory); asked++) await new Promise((resolve) => setTimeout(resolve));
    expect(asked).toBeGreaterThanOrEqual(TRANSFERS_TO_SHARE);
    await withFile(async (fd) => {
      expect(await transfer(late, READ, fd, 0, memory)).toBe(16);
    });
  });

  it("fail what is in flight when one of them dies, and are not used again", async () => {
    const workers: Worker[] = [];
    const remember = (worker: Worker): void => void workers.push(worker);
    process.on("worker", remember);
    const mortal = new IoThreads(2);
    await mortal.start();
    process.off("worker", remember);
    const memory = shared(2000, mortal);
    await withFile(async (fd) => {
      const transfers = Array.from({ length: 2000 }, (_, i) =>
        transfer(mortal, READ, fd, i, [memory.subarray(i, i + 1)]),
      );
      // Those of them that have ended before have ended well.
      const outcomes = Promise.allSettled(transfers);
      await workers.at(-1)?.terminate();
      for (const [i, outcome] of (await outcomes).entries()) {
        if (outcome.status === "fulfilled") expect(memory[i]).toBe((i * 7) % 256);
        else expect(outcome.reason).toMatchObject({ message: "a thread for reading and writing has died" });
      }
    });
    expect(mortal.takes([memory])).toBe(false);
  });
});

describe("FileMember with IoThreads", () => {
  it("reads, writes and closes as without, and names what is wrong", async () => {
    const member = await FileMember.open(path, { writable: true });
    const from = shared(3000).fill(9);
    const writes = [member.write(0, from), member.writeVector(5000, [from, from.subarray(0, 5)])];
    await member.close();
    await Promise.all(writes);
    const content = readFileSync(path);
    expect([content[2999], content[3000], content[5000], content[8004], content[8005]]).toEqual([
      9,
      (3000 * 7) % 256,
      9,
      9,
      (8005 * 7) % 256,
    ]);
    await expect(member.read(0, from)).rejects.toMatchObject({ code: "ERR_MEMBER_CLOSED" });
    const again = await FileMember.open(path);
    await expect(again.write(0, from)).rejects.toMatchObject({ code: "ERR_MEMBER_READ_ONLY" });
    await truncate(path, 1000);
    await expect(again.read(0, from)).rejects.toMatchObject({
      code: "ERR_MEMBER_SHORT",
      message: expect.stringContaining("ends at byte 1000"),
    });
    await again.close();
  });
});
