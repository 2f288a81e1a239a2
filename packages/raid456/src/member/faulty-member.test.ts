import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FaultyMember } from "./faulty-member.js";
import { MemoryMember } from "./memory-member.js";

const fault = { name: "MemberError", code: "ERR_MEMBER_IO" };

describe("FaultyMember", () => {
  it("is transparent without faults", async () => {
    const inner = new MemoryMember(64, { name: "m", writable: false });
    const member = new FaultyMember(inner);
    expect([member.name, member.sizeBytes, member.writable]).toEqual(["m", 64, false]);
    await member.read(0, new Uint8Array(64));
    await member.close();
    await expect(inner.read(0, new Uint8Array(1))).rejects.toMatchObject({ code: "ERR_MEMBER_CLOSED" });
  });

  it("hits only its operation and only calls that touch its range", async () => {
    const member = new FaultyMember(new MemoryMember(64), {
      operation: "read",
      startBytes: 16,
      endBytes: 32,
    });
    await member.read(0, new Uint8Array(16));
    await member.read(32, new Uint8Array(32));
    await member.write(16, new Uint8Array(16));
    await expect(member.read(15, new Uint8Array(2))).rejects.toMatchObject(fault);
    await expect(member.read(31, new Uint8Array(1))).rejects.toMatchObject(fault);
  });

  it("lets `skip` calls through, hits `count`, and then lets the rest through", async () => {
    const member = new FaultyMember(new MemoryMember(64), { operation: "write", skip: 2, count: 1 });
    const outcome = async () => {
      try {
        await member.write(0, new Uint8Array(1));
        return "ok";
      } catch {
        return "hit";
      }
    };
    expect([await outcome(), await outcome(), await outcome(), await outcome()]).toEqual([
      "ok",
      "ok",
      "hit",
      "ok",
    ]);
  });

  it("stores nothing of a write that it fails", async () => {
    const inner = new MemoryMember(8);
    const member = new FaultyMember(inner, { operation: "write" });
    await expect(member.write(0, Uint8Array.of(1))).rejects.toMatchObject(fault);
    expect(inner.bytes[0]).toBe(0);
  });

  it("dies as a whole and can be healed", async () => {
    const member = new FaultyMember(new MemoryMember(8));
    member.kill();
    await expect(member.read(0, new Uint8Array(1))).rejects.toMatchObject(fault);
    await expect(member.write(0, new Uint8Array(1))).rejects.toMatchObject(fault);
    await expect(member.flush()).rejects.toMatchObject(fault);
    member.heal();
    await member.write(0, new Uint8Array(1));
    await member.flush();
  });

  it("heals exactly the bytes that were rewritten", async () => {
    const range = fc.tuple(fc.nat(31), fc.integer({ min: 1, max: 12 })).map(([start, length]) => ({
      start,
      end: Math.min(32, start + length),
    }));
    await fc.assert(
      fc.asyncProperty(range, fc.array(range, { maxLength: 5 }), async (bad, writes) => {
        const member = new FaultyMember(new MemoryMember(32), {
          operation: "read",
          startBytes: bad.start,
          endBytes: bad.end,
          untilWritten: true,
        });
        const unreadable = new Set<number>();
        for (let byte = bad.start; byte < bad.end; byte++) unreadable.add(byte);
        for (const { start, end } of writes) {
          await member.write(start, new Uint8Array(end - start));
          for (let byte = start; byte < end; byte++) unreadable.delete(byte);
        }
        for (let byte = 0; byte < 32; byte++) {
          const reading = member.read(byte, new Uint8Array(1));
          if (unreadable.has(byte)) await expect(reading).rejects.toMatchObject(fault);
          else await reading;
        }
      }),
    );
  });
});
