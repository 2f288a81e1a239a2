import { open } from "node:fs/promises";
import { describe, expect } from "vitest";
import { digests, randomBytes, test } from "../testing/workbench.js";

/** Changes a byte of a member's data. Images of this size have it behind their first MiB. */
async function flip(member: string, dataOffset: number): Promise<void> {
  const file = await open(member, "r+");
  try {
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, 1024 * 1024 + dataOffset);
    await file.write(Buffer.of(byte.readUInt8() ^ 1), 0, 1, 1024 * 1024 + dataOffset);
  } finally {
    await file.close();
  }
}

describe("mdraid check and repair", () => {
  test("find wrong parity and make it right", async ({ workbench }) => {
    const members = await workbench.create(6, 4);
    const content = randomBytes((await workbench.read(members)).length, 1);
    await workbench.succeed(["write", ...members], { stdin: content });
    // left-symmetric over 4: the first stripe has P in slot 3 and Q in slot 0, the second P in 2 and Q in 3.
    await flip(members[3] as string, 5000);
    await flip(members[3] as string, 16_384 + 1);
    const before = await digests(members);

    const words = ["--json", ...members];
    const found = await workbench.run(["check", ...words]);
    expect(found.status).toBe(1);
    const mismatches = [
      {
        memberOffset: 4096,
        lengthBytes: 4096,
        pMismatch: true,
        qMismatch: false,
        wrongSlot: 3,
        repaired: false,
      },
      {
        memberOffset: 16_384,
        lengthBytes: 4096,
        pMismatch: false,
        qMismatch: true,
        wrongSlot: 3,
        repaired: false,
      },
    ];
    expect(JSON.parse(`${found.stdout}`)).toEqual({ mismatches, mismatchSectors: 16 });
    const text = (await workbench.run(["check", ...members])).stdout.toString();
    expect(text).toContain("parity does not match the data in 2 rows (mismatch_cnt 16 sectors):");
    expect(await digests(members)).toEqual(before);

    const repaired = await workbench.succeed(["repair", ...words]);
    expect(JSON.parse(`${repaired.stdout}`)).toEqual({
      mismatches: mismatches.map((row) => ({ ...row, repaired: true })),
      mismatchSectors: 16,
    });
    const { stdout } = await workbench.succeed(["check", ...members]);
    expect(`${stdout}`).toBe("no mismatches: data and parity fit together\n");
    expect((await workbench.read(members)).equals(content)).toBe(true);
    expect((await workbench.succeed(["detail", ...members])).stdout.toString()).toMatch(/State : clean\n/);
  });

  test("locate wrong data, and write only that anew", async ({ workbench }) => {
    const members = await workbench.create(6, 4);
    const content = randomBytes((await workbench.read(members)).length, 1);
    await workbench.succeed(["write", ...members], { stdin: content });
    // The first stripe has its data in slots 1 and 2. In the third row two blocks are wrong.
    await flip(members[1] as string, 100);
    for (const slot of [1, 2]) await flip(members[slot] as string, 8192 + slot);
    const outcome = await workbench.run(["repair", "--located", ...members]);
    expect(outcome.status).toBe(1);
    const text = outcome.stdout.toString();
    expect(text).toContain(
      "from byte 0 of each member's data: P and Q; the block in slot 1 is the wrong one",
    );
    expect(text).toContain("the wrong blocks were computed anew");
    expect(text).toContain("1 row left alone: no single block explains what is there");
    await flip(members[1] as string, 8192 + 1);
    await workbench.succeed(["repair", "--located", ...members]);
    expect((await workbench.read(members)).equals(content)).toBe(true);
  });

  test("check what is left of a RAID-6 without one member", async ({ workbench }) => {
    const members = await workbench.create(6, 4);
    await workbench.succeed(["write", ...members], { stdin: randomBytes(500_000, 1) });
    await workbench.succeed(["check", ...members.slice(1)]);
    await flip(members[3] as string, 100_000);
    expect((await workbench.run(["check", ...members.slice(1)])).status).toBe(1);
  });

  test("refuse where there is nothing to check against, and leave the array as it is", async ({
    workbench,
  }) => {
    const members = await workbench.create(5, 3);
    for (const command of ["check", "repair"]) {
      expect(await workbench.run([command, ...members.slice(1)])).toMatchObject({
        status: 1,
        stderr: expect.stringContaining("nothing to check data against"),
      });
    }
    expect((await workbench.run(["detail", ...members.slice(1)])).stdout.toString()).toContain(
      "State : clean, degraded\n",
    );
  });
});
