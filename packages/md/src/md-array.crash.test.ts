import type { MemoryMember } from "@dmaengine/raid456";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assemble } from "./assemble.js";
import type { AssembledArray } from "./assembled-array.js";
import { MdError } from "./errors.js";
import { MdArray } from "./md-array.js";
import { blankMembers, makeArray, snapshot } from "./testing/array-fixture.js";
import { CachedMember, Power } from "./testing/power-cut.js";

const LONG = process.env["DMAENGINE_LONG"] === "1";

/** What a user of the array may do, one after the other. */
type Step =
  | { readonly kind: "dirty" | "clean" | "spare" }
  | { readonly kind: "fail" | "recover" | "finish"; readonly slot: number }
  | { readonly kind: "checkpoint"; readonly slot: number; readonly bytes: number };

const slot = fc.nat(3);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom("dirty" as const, "clean" as const, "spare" as const) }),
  fc.record({ kind: fc.constantFrom("fail" as const, "recover" as const, "finish" as const), slot }),
  fc.record({ kind: fc.constant("checkpoint" as const), slot, bytes: fc.nat(256).map((kib) => kib * 1024) }),
);

/**
 * What the metadata has been told, and what it has confirmed. A call that the power cut has interrupted
 * counts as told, not as confirmed; either is right to find on the disks then.
 */
class Ledger {
  /** Whether the disks may say dirty. */
  mayBeDirty = false;
  /** Whether they have to: writes may be under way. */
  isDirty = false;
  /** Devices whose failure was confirmed. */
  readonly failed = new Set<string>();
  /** How far each device has been told to be rebuilt, for those that were ever told to be incomplete. */
  readonly recovered = new Map<string, number>();
}

async function carryOut(
  array: MdArray,
  { kind, ...step }: Step,
  blanks: CachedMember[],
  ledger: Ledger,
): Promise<void> {
  const at = "slot" in step ? step.slot : 0;
  const member = array.slots[at] ?? null;
  const name = member?.device.name ?? "";
  const recovering = member !== null && member.recoveredBytes !== Number.POSITIVE_INFINITY;
  switch (kind) {
    case "dirty":
      ledger.mayBeDirty = true;
      await array.markDirty();
      ledger.isDirty = true;
      break;
    case "clean":
      ledger.isDirty = false;
      await array.markClean();
      ledger.mayBeDirty = false;
      break;
    case "fail":
      if (member === null || array.degraded >= 2) return;
      await array.memberFailed(at);
      ledger.failed.add(name);
      break;
    case "spare": {
      const blank = blanks.pop();
      if (blank === undefined) return;
      ledger.recovered.set(blank.name, 0);
      await array.addSpare(blank);
      break;
    }
    case "recover": {
      const device = array.spares[0]?.device ?? blanks.pop();
      if (member !== null || device === undefined) return;
      ledger.recovered.set(device.name, 0);
      await array.startRecovery(at, device);
      break;
    }
    case "checkpoint":
      if (!recovering) return;
      ledger.recovered.set(name, Math.max(ledger.recovered.get(name) ?? 0, "bytes" in step ? step.bytes : 0));
      await array.checkpointRecovery(at, "bytes" in step ? step.bytes : 0);
      break;
    case "finish":
      if (!recovering) return;
      ledger.recovered.delete(name);
      await array.finishRecovery(at);
      break;
  }
}

/**
 * Assembles, with force if the array is refused for being dirty while a member is lacking: only a dirty array
 * may be.
 */
async function assembleAfterCrash(media: readonly MemoryMember[], ledger: Ledger): Promise<AssembledArray> {
  try {
    return await assemble(media);
  } catch (error) {
    if (!MdError.isInstance(error) || error.code !== "ERR_MD_DIRTY_DEGRADED") throw error;
    expect(ledger.mayBeDirty).toBe(true);
    return assemble(media, { force: true });
  }
}

function checkAgainst(array: AssembledArray, ledger: Ledger): void {
  for (const member of array.slots) {
    if (member === null) continue;
    const { name } = member.device;
    expect(ledger.failed.has(name), `${name}, which has failed, is back`).toBe(false);
    const told = ledger.recovered.get(name) ?? Number.POSITIVE_INFINITY;
    expect(member.recoveredBytes, `${name} claims more than was rebuilt`).toBeLessThanOrEqual(told);
  }
  if (ledger.isDirty && array.forced.length === 0) expect(array.clean).toBe(false);
}

describe("a power cut at any moment, with any part of the write caches lost", () => {
  it("leaves an array that starts and never says more than it was told", async () => {
    const fresh = await makeArray(6, 4);
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 12 }),
        fc.nat(120),
        fc.infiniteStream(fc.boolean()),
        async (steps, operations, luck) => {
          const power = new Power(operations);
          const names = ["new1", "new2", "new3", "new4"];
          const media = snapshot(fresh);
          const blankMedia = blankMembers(names.length).map((member, index) => {
            return Object.assign(member, { name: names[index] });
          });
          const members = media.map((medium) => new CachedMember(medium, power));
          const blanks = blankMedia.map((medium) => new CachedMember(medium, power));
          const devices = [...members, ...blanks];
          const ledger = new Ledger();
          const array = new MdArray(await assemble(members));
          try {
            for (const next of steps) await carryOut(array, next, blanks, ledger);
          } catch (error) {
            // Without power nothing works; with it, nothing may fail.
            if (!power.failed) throw error;
          }
          const survivors = devices.map((device) => device.loseCache(() => luck.next().value));

          const found = await assembleAfterCrash(survivors, ledger);
          checkAgainst(found, ledger);

          // And it goes on from there: what was left out stays out.
          const out = new Set(found.rejected.map(({ device }) => device));
          const again = new MdArray(found);
          await again.markDirty();
          await again.close();
          const later = await assemble(survivors);
          for (const member of later.slots) {
            if (member !== null)
              expect(out.has(member.device.name), `${member.device.name} is back`).toBe(false);
          }
          checkAgainst(later, { ...ledger, isDirty: false });
        },
      ),
      { numRuns: LONG ? 4000 : 400 },
    );
  }, 60_000);
});
