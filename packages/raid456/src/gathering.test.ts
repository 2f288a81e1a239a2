import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { arrayFixture } from "./testing/array-fixture.js";
import { DATA_OFFSET, randomBytes } from "./testing/model.js";
import { RecordingMember } from "./testing/recording-member.js";

const CHUNK = 4096;

/** An array whose members write down what they are asked to do. */
function recorded(options: Parameters<typeof arrayFixture>[0] = {}) {
  const recorders: RecordingMember[] = [];
  const fixture = arrayFixture({
    ...options,
    wrap: (member, slot) => {
      const recorder = new RecordingMember(member);
      recorders[slot] = recorder;
      return recorder;
    },
  });
  const calls = (operation: "read" | "write"): number =>
    recorders.reduce((sum, one) => sum + one.calls.filter((call) => call.operation === operation).length, 0);
  return { ...fixture, recorders, calls };
}

describe("gathering", () => {
  it("makes one full-stripe write of small sequential writes that are in flight at once", async () => {
    const { geometry, write, calls, array, wrongMembers } = recorded();
    const pieces = geometry.stripeDataBytes / 512;
    await Promise.all(Array.from({ length: pieces }, (_, i) => write(i * 512, 512)));
    expect([calls("read"), calls("write")]).toEqual([0, geometry.raidDisks]);
    const { fullWrites, reconstructWrites, readModifyWrites, gatheredWrites } = array.stats();
    expect({ fullWrites, reconstructWrites, readModifyWrites, gatheredWrites }).toEqual({
      fullWrites: 1,
      reconstructWrites: 0,
      readModifyWrites: 0,
      gatheredWrites: pieces - 1,
    });
    expect(wrongMembers()).toEqual([]);
  });

  it("writes a lone small write at once", async () => {
    const { write, calls, wrongMembers } = recorded();
    await write(100, 50);
    // The other three data blocks are read; data, P and Q are written.
    expect([calls("read"), calls("write")]).toEqual([3, 3]);
    expect(wrongMembers()).toEqual([]);
  });

  it("gathers what comes while the stripe is being written, and writes it with one more", async () => {
    const { write, recorders, array, wrongMembers } = recorded();
    const letGo = recorders.map((recorder) => recorder.hold());
    const first = write(0, 512);
    await Promise.resolve();
    await Promise.resolve();
    const others = Array.from({ length: 7 }, (_, i) => write((i + 1) * 512, 512));
    for (const open of letGo) open();
    await Promise.all([first, ...others]);
    const { reconstructWrites, gatheredWrites } = array.stats();
    expect([reconstructWrites, gatheredWrites]).toEqual([2, 6]);
    expect(wrongMembers()).toEqual([]);
  });

  it("writes neighbouring stripes with one transfer for each member", async () => {
    const { geometry, write, recorders, wrongMembers } = recorded({ cacheStripes: 64 });
    await Promise.all(
      Array.from({ length: geometry.stripes }, (_, i) =>
        write(i * geometry.stripeDataBytes, geometry.stripeDataBytes),
      ),
    );
    for (const { calls } of recorders) {
      expect(calls).toEqual([
        { operation: "write", offsetBytes: DATA_OFFSET, lengthBytes: geometry.memberBytes },
      ]);
    }
    expect(wrongMembers()).toEqual([]);
  });

  it("reads neighbouring chunks of a member in one transfer", async () => {
    const { geometry, readAll, calls, content } = recorded({ raidDisks: 4, layout: 5 });
    expect(Buffer.compare(await readAll(), content)).toBe(0);
    // With parity always on the last two, the data of each of the others is in one piece.
    expect(calls("read")).toBe(geometry.dataDisks);
  });

  it("leaves alone what lies between two pieces of one stripe", async () => {
    const { write, recorders, wrongMembers } = recorded({ chunkBytes: 65536, stripes: 2 });
    // The end of the first chunk and the start of the second.
    await write(65536 - 512, 1024);
    const touched = recorders.flatMap(({ calls }) => calls.map(({ lengthBytes }) => lengthBytes));
    expect(Math.max(...touched)).toBe(512);
    expect(wrongMembers()).toEqual([]);
  });
});

describe("the order of requests", () => {
  it("is that of the calls, for writes that overlap, and a read sees the writes before it", async () => {
    const request = fc.record({
      kind: fc.constantFrom("read", "write"),
      offset: fc.nat(8 * CHUNK - 1),
      lengthBytes: fc.integer({ min: 1, max: 3 * CHUNK }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(request, { minLength: 1, maxLength: 24 }),
        fc.subarray([0, 1, 2, 3, 4], { maxLength: 2 }),
        async (requests, missing) => {
          const { array, content, wrongMembers } = arrayFixture({ raidDisks: 5, stripes: 4, missing });
          const reads: { readonly into: Uint8Array; readonly before: Uint8Array; readonly offset: number }[] =
            [];
          const laterWrites: { readonly start: number; readonly end: number; readonly after: number }[] = [];
          const running = requests.map(({ kind, offset, lengthBytes }, i) => {
            const length = Math.min(lengthBytes, content.length - offset);
            if (kind === "read") {
              const into = new Uint8Array(length);
              reads.push({ into, before: content.slice(offset, offset + length), offset });
              return array.read(offset, into);
            }
            const bytes = randomBytes(length, i);
            content.set(bytes, offset);
            laterWrites.push({ start: offset, end: offset + length, after: reads.length });
            return array.write(offset, bytes);
          });
          await Promise.all(running);
          for (const [i, { into, before, offset }] of reads.entries()) {
            for (const [at, byte] of into.entries()) {
              const disturbed = laterWrites.some(
                ({ start, end, after }) => after > i && start <= offset + at && offset + at < end,
              );
              if (!disturbed) expect(byte, `read ${i}, byte ${at}`).toBe(before[at]);
            }
          }
          expect(wrongMembers().filter((slot) => !missing.includes(slot))).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("lets a read of other bytes pass a write that is under way", async () => {
    const { array, write, recorders, geometry, content } = recorded();
    const row = geometry.row(0);
    const letGo = [row.p, row.q].map((slot) => (recorders[slot] as RecordingMember).hold());
    const writing = write(0, 100);
    const beside = new Uint8Array(CHUNK);
    await array.read(CHUNK, beside);
    expect(Buffer.compare(beside, content.subarray(CHUNK, 2 * CHUNK))).toBe(0);
    let seen = false;
    const within = new Uint8Array(100);
    const reading = array.read(0, within).then(() => {
      seen = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toBe(false);
    for (const open of letGo) open();
    await Promise.all([writing, reading]);
    expect(Buffer.compare(within, content.subarray(0, 100))).toBe(0);
  });
});
