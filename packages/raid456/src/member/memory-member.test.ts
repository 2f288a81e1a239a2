import { describe, expect, it } from "vitest";
import { MemberError } from "./member-error.js";
import { MemoryMember } from "./memory-member.js";

describe("MemoryMember", () => {
  it("reads back what was written, and works in place on the given image", async () => {
    const image = new Uint8Array(64);
    const member = new MemoryMember(image, { name: "m" });
    await member.write(10, Uint8Array.of(1, 2, 3));
    const into = new Uint8Array(5);
    await member.read(9, into);
    expect([...into]).toEqual([0, 1, 2, 3, 0]);
    expect([...image.subarray(10, 13)]).toEqual([1, 2, 3]);
    await member.flush();
  });

  it("starts out as zeros when only a length is given", () => {
    const member = new MemoryMember(16);
    expect(member.sizeBytes).toBe(16);
    expect(member.bytes.every((byte) => byte === 0)).toBe(true);
  });

  it.each([
    [-1, 1],
    [64, 1],
    [60, 5],
    [0.5, 1],
    [Number.NaN, 1],
    [Number.POSITIVE_INFINITY, 1],
  ])("refuses a range outside the device: offset %s, length %s", async (offset, length) => {
    const member = new MemoryMember(64, { name: "m" });
    const refusal = { name: "MemberError", code: "ERR_MEMBER_RANGE", device: "m" };
    await expect(member.read(offset, new Uint8Array(length))).rejects.toMatchObject(refusal);
    await expect(member.write(offset, new Uint8Array(length))).rejects.toMatchObject(refusal);
  });

  it("allows an empty range at the very end", async () => {
    await new MemoryMember(64).read(64, new Uint8Array(0));
  });

  it("refuses to write when read-only, and everything when closed", async () => {
    const member = new MemoryMember(64, { writable: false });
    await expect(member.write(0, new Uint8Array(1))).rejects.toMatchObject({ code: "ERR_MEMBER_READ_ONLY" });
    await member.flush();
    await member.close();
    await member.close();
    await expect(member.read(0, new Uint8Array(1))).rejects.toMatchObject({ code: "ERR_MEMBER_CLOSED" });
    await expect(member.flush()).rejects.toMatchObject({ code: "ERR_MEMBER_CLOSED" });
  });
});

describe("MemberError", () => {
  it("is recognised by its mark and names the device in its text", () => {
    const error = new MemberError("ERR_MEMBER_IO", "disk", "broken");
    expect(MemberError.isInstance(error)).toBe(true);
    expect(MemberError.isInstance(new Error("broken"))).toBe(false);
    expect(error.message).toBe("disk: broken");
  });
});
