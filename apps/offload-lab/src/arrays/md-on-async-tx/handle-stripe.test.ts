import { Geometry, type RaidLevel } from "@dmaengine/raid456";
import { describe, expect, it } from "vitest";
import { Bio } from "./bio.js";
import { handleStripe } from "./handle-stripe.js";
import type { OpsRequest } from "./raid-run-ops.js";
import { STRIPE_BYTES, StripeHead } from "./stripe-head.js";

/** A stripe whose P is on the last slot of five, or P and Q on the last two of six; data is on slots 0 to 3. */
function stripe(level: RaidLevel, { uptodate = [] as readonly number[] } = {}) {
  const raidDisks = level === 6 ? 6 : 5;
  const layout = 5;
  const geometry = new Geometry({ level, raidDisks, layout, chunkBytes: 4096, memberBytes: 4096 });
  const sh = new StripeHead(raidDisks);
  sh.init(0, geometry.row(0));
  for (const slot of uptodate) sh.dev(slot).uptodate = true;
  const want = (kind: "toread" | "towrite", slot: number, lengthBytes: number): void => {
    const memory = new Uint8Array(lengthBytes);
    sh.dev(slot)[kind].push({ bio: new Bio(), memory, memoryOffset: 0, pageOffset: 0, lengthBytes });
    if (kind === "towrite") sh.dev(slot).overwrite = lengthBytes === STRIPE_BYTES;
  };
  const slots = (is: "wantread" | "wantcompute" | "wantwrite") =>
    [...sh.devs.keys()].filter((slot) => sh.dev(slot)[is]);
  return { sh, want, slots };
}

const all = (): boolean => true;
const without =
  (...lost: readonly number[]) =>
  (slot: number): boolean =>
    !lost.includes(slot);
const asked = (ops: OpsRequest): string[] =>
  Object.entries(ops).flatMap(([name, isAsked]) => (isAsked === true ? [name] : []));

describe("a write", () => {
  it("of all data reads nothing, and makes parity from it", () => {
    const { sh, want, slots } = stripe(5);
    for (const slot of [0, 1, 2, 3]) want("towrite", slot, STRIPE_BYTES);
    expect(asked(handleStripe(sh, all))).toEqual(["biodrain", "reconstruct"]);
    expect(slots("wantread")).toEqual([]);
  });

  it("of one block reads it and P, and updates P: less to read than the other data", () => {
    const { sh, want, slots } = stripe(5);
    want("towrite", 1, STRIPE_BYTES);
    expect(asked(handleStripe(sh, all))).toEqual([]);
    expect(slots("wantread")).toEqual([1, 4]);
    for (const slot of [1, 4])
      Object.assign(sh.dev(slot), { uptodate: true, locked: false, wantread: false });
    expect(asked(handleStripe(sh, all))).toEqual(["prexor", "biodrain", "reconstruct"]);
    expect(sh.reconstructState).toBe("prexor_drain_run");
  });

  it("of one block makes parity anew on RAID-6, and where the other data is known", () => {
    const raid6 = stripe(6);
    raid6.want("towrite", 1, STRIPE_BYTES);
    handleStripe(raid6.sh, all);
    expect(raid6.slots("wantread")).toEqual([0, 2, 3]);
    const known = stripe(5, { uptodate: [0, 2, 3] });
    known.want("towrite", 1, STRIPE_BYTES);
    expect(asked(handleStripe(known.sh, all))).toEqual(["biodrain", "reconstruct"]);
  });

  it("to a missing member computes its block first, in one chain, if only a part of it is written", () => {
    const { sh, want, slots } = stripe(5, { uptodate: [0, 2, 3, 4] });
    want("towrite", 1, 512);
    expect(asked(handleStripe(sh, without(1)))).toEqual(["compute", "biodrain", "reconstruct"]);
    expect(slots("wantcompute")).toEqual([1]);
  });

  it("goes to the members when parity is computed", () => {
    const { sh, want, slots } = stripe(5);
    for (const slot of [0, 1, 2, 3]) want("towrite", slot, STRIPE_BYTES);
    handleStripe(sh, all);
    for (const dev of sh.devs)
      Object.assign(dev, { uptodate: true, wantdrain: false, written: dev.towrite, towrite: [] });
    sh.reconstructState = "drain_result";
    handleStripe(sh, all);
    expect(slots("wantwrite")).toEqual([0, 1, 2, 3, 4]);
    expect(sh.reconstructState).toBe("idle");
  });
});

describe("a read of a missing block", () => {
  it("reads all others, then computes it, then copies it out", () => {
    const { sh, want, slots } = stripe(5);
    want("toread", 2, 512);
    handleStripe(sh, without(2));
    expect(slots("wantread")).toEqual([0, 1, 3, 4]);
    for (const slot of [0, 1, 3, 4])
      Object.assign(sh.dev(slot), { uptodate: true, locked: false, wantread: false });
    expect(asked(handleStripe(sh, without(2)))).toEqual(["compute"]);
    Object.assign(sh.dev(2), { uptodate: true, wantcompute: false });
    sh.computeRun = false;
    expect(asked(handleStripe(sh, without(2)))).toEqual(["biofill"]);
  });

  it("computes both where two are missing", () => {
    const { sh, want, slots } = stripe(6, { uptodate: [0, 3, 4, 5] });
    want("toread", 2, 512);
    expect(asked(handleStripe(sh, without(1, 2)))).toEqual(["compute"]);
    expect(slots("wantcompute")).toEqual([1, 2]);
  });
});

describe("a scrub", () => {
  it("reads everything, checks it, and is over", () => {
    const { sh, slots } = stripe(5);
    sh.syncing = true;
    handleStripe(sh, all);
    expect(slots("wantread")).toEqual([0, 1, 2, 3, 4]);
    for (const dev of sh.devs) Object.assign(dev, { uptodate: true, locked: false, wantread: false });
    expect(asked(handleStripe(sh, all))).toEqual(["check"]);
    sh.checkState = "result";
    expect(asked(handleStripe(sh, all))).toEqual([]);
    expect([sh.syncing, sh.idle]).toEqual([false, true]);
  });
});
