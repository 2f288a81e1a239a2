import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FaultyMember } from "./faulty-member.js";
import type { MemberDevice } from "./member-device.js";
import { MemoryMember } from "./memory-member.js";
import { Transfers } from "./transfers.js";
import { readVector, skipBytes, vectorBytes, writeVector } from "./vector.js";

const content = Uint8Array.from({ length: 100 }, (_, i) => i);

/** A device that has no calls for vectors. */
function plain(member: MemoryMember): MemberDevice {
  return {
    name: member.name,
    sizeBytes: member.sizeBytes,
    writable: true,
    read: (offsetBytes, into) => member.read(offsetBytes, into),
    write: (offsetBytes, from) => member.write(offsetBytes, from),
    flush: () => member.flush(),
    close: () => member.close(),
  };
}

describe("vectors", () => {
  it("are read and written in order, by devices that know them and those that don't", async () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(lengths, fc.nat(10), fc.nat(2), async (pieces, offset, kind) => {
        const member = new MemoryMember(content.slice());
        const device = [member, plain(member), new FaultyMember(plain(member))][kind] as MemberDevice;
        const into = pieces.map((length) => new Uint8Array(length));
        const total = vectorBytes(into);
        if (offset + total > content.length) return;
        await readVector(device, offset, into);
        expect(into.flatMap((piece) => [...piece])).toEqual([...content.subarray(offset, offset + total)]);
        await writeVector(
          device,
          offset,
          into.map((piece) => piece.map((byte) => byte ^ 0xff)),
        );
        const expected = content.slice();
        for (let at = offset; at < offset + total; at++) expected[at] = (expected[at] as number) ^ 0xff;
        expect([...member.bytes]).toEqual([...expected]);
      }),
    );
  });

  it("go on where a short transfer has ended", () => {
    const vector = [3, 1, 4].map((length) => new Uint8Array(length).fill(length));
    const rest = (bytes: number): number[][] => skipBytes(vector, bytes).map((piece) => [...piece]);
    expect(rest(0)).toEqual([[3, 3, 3], [1], [4, 4, 4, 4]]);
    expect(rest(2)).toEqual([[3], [1], [4, 4, 4, 4]]);
    expect(rest(3)).toEqual([[1], [4, 4, 4, 4]]);
    expect(rest(7)).toEqual([[4]]);
    expect(rest(8)).toEqual([]);
  });

  it("outside the device are refused", async () => {
    const member = new MemoryMember(8);
    const vector = [new Uint8Array(5), new Uint8Array(5)];
    await expect(member.readVector(0, vector)).rejects.toMatchObject({ code: "ERR_MEMBER_RANGE" });
    await expect(member.writeVector(0, vector)).rejects.toMatchObject({ code: "ERR_MEMBER_RANGE" });
    await expect(member.discard(4, 5)).rejects.toMatchObject({ code: "ERR_MEMBER_RANGE" });
    await member.close();
    for (const call of [member.readVector(0, []), member.writeVector(0, []), member.discard(0, 1)]) {
      await expect(call).rejects.toMatchObject({ code: "ERR_MEMBER_CLOSED" });
    }
  });
});

describe("FaultyMember", () => {
  it("fails a vector that a planned fault lies in, and heals what is written", async () => {
    const member = new FaultyMember(new MemoryMember(content.slice()), {
      operation: "read",
      startBytes: 20,
      endBytes: 21,
      untilWritten: true,
    });
    const vector = [new Uint8Array(10), new Uint8Array(10)];
    await member.readVector(0, vector);
    await expect(member.readVector(5, vector)).rejects.toMatchObject({ code: "ERR_MEMBER_IO" });
    await member.writeVector(5, vector);
    await member.readVector(5, vector);
    member.inject({ operation: "write", startBytes: 50, endBytes: 60 });
    await expect(member.discard?.(55, 1)).rejects.toMatchObject({ code: "ERR_MEMBER_IO" });
  });
});

describe("Transfers", () => {
  it("join what follows each other on a member, and nothing else", () => {
    const transfers = new Transfers<string>();
    const memory = new Uint8Array(10);
    transfers.add(0, 0, memory, "a");
    transfers.add(1, 10, memory, "b");
    transfers.add(0, 10, memory, "c");
    transfers.add(0, 30, memory, "d");
    transfers.add(1, 20, memory, "e");
    expect(
      transfers.all.map(({ slot, memberOffset, lengthBytes, items }) => [
        slot,
        memberOffset,
        lengthBytes,
        items.join(""),
      ]),
    ).toEqual([
      [0, 0, 20, "ac"],
      [1, 10, 20, "be"],
      [0, 30, 10, "d"],
    ]);
  });
});
