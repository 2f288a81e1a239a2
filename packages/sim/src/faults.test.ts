import { describe, expect, it } from "vitest";
import { FAULT_KINDS, type FaultKind, FaultPlan, type StruckFault } from "./faults.js";

/** The occasions, of those asked for in this order, at which a fault happened. */
function strikes(plan: FaultPlan, kind: FaultKind, units: readonly string[]): number[] {
  return units.flatMap((unit, n) => (plan.strikes(kind, unit) ? [n] : []));
}

describe("FaultPlan", () => {
  it("does nothing when nothing is planned", () => {
    const plan = new FaultPlan();
    expect(FAULT_KINDS.some((kind) => plan.strikes(kind, "a"))).toBe(false);
    expect(plan.struck).toEqual([]);
  });

  it("strikes at the occasion of the unit, once", () => {
    const plan = new FaultPlan([{ kind: "busError", unit: "a", at: 1 }]);
    expect(strikes(plan, "busError", ["a", "b", "b", "a", "a"])).toEqual([3]);
    expect(plan.struck).toEqual([{ kind: "busError", unit: "a", at: 1 }]);
    expect(plan.pending).toEqual([]);
  });

  it("strikes whoever comes first where no unit is named", () => {
    const plan = new FaultPlan([{ kind: "busError", at: 2 }]);
    expect(strikes(plan, "busError", ["a", "b", "b", "a"])).toEqual([2]);
    expect(plan.struck).toEqual([{ kind: "busError", unit: "b", at: 1 }]);
  });

  it("counts each kind by itself", () => {
    const plan = new FaultPlan([
      { kind: "lostInterrupt", at: 0 },
      { kind: "stuckChannel", at: 1 },
    ]);
    expect(strikes(plan, "stuckChannel", ["a"])).toEqual([]);
    expect(strikes(plan, "lostInterrupt", ["a", "a"])).toEqual([0]);
    expect(strikes(plan, "stuckChannel", ["a"])).toEqual([0]);
  });

  it("tells who listens", () => {
    const heard: StruckFault[] = [];
    const plan = new FaultPlan([{ kind: "unplug", at: 0 }], (fault) => heard.push(fault));
    plan.strikes("unplug", "a");
    expect(heard).toEqual(plan.struck);
  });

  it("makes the same plan from the same seed", () => {
    const options = { count: 20, within: 100 };
    const plan = FaultPlan.seeded(7, options).pending;
    expect(plan.length).toBe(20);
    expect(FaultPlan.seeded(7, options).pending).toEqual(plan);
    expect(FaultPlan.seeded(8, options).pending).not.toEqual(plan);
    expect(plan.every(({ at }) => at >= 0 && at < 100)).toBe(true);
  });

  it("chooses from the kinds that it is given", () => {
    const plan = FaultPlan.seeded(1, { kinds: ["busError"], count: 5, within: 3 });
    expect(new Set(plan.pending.map(({ kind }) => kind))).toEqual(new Set(["busError"]));
  });

  it("makes plans of all sorts for schedules: nothing, one kind alone, all of them", () => {
    const plans = Array.from({ length: 500 }, (_, seed) => FaultPlan.swarm(seed).pending);
    expect(FaultPlan.swarm(7).pending).toEqual(plans[7]);
    const kinds = plans.map((plan) => new Set(plan.map(({ kind }) => kind)).size);
    expect([0, 1, 2, 3, 4].every((count) => kinds.includes(count))).toBe(true);
    expect(new Set(plans.flat().map(({ kind }) => kind))).toEqual(new Set(FAULT_KINDS));
    expect(plans.every((plan) => plan.length <= 6 && plan.every(({ at }) => at < 60))).toBe(true);
  });

  it("does nothing more once it is cleared", () => {
    const plan = new FaultPlan([
      { kind: "busError", at: 0 },
      { kind: "busError", at: 1 },
    ]);
    expect(strikes(plan, "busError", ["a"])).toEqual([0]);
    const restore = plan.capture();
    plan.clear();
    expect([plan.pending, plan.struck.length]).toEqual([[], 1]);
    expect(strikes(plan, "busError", ["a", "a", "a"])).toEqual([]);
    restore();
    expect(strikes(plan, "busError", ["a"])).toEqual([0]);
  });

  it.each([-1, 0.5, Number.NaN])("refuses position %d", (at) => {
    expect(() => new FaultPlan([{ kind: "busError", at }])).toThrow(/counted from 0/);
  });

  it("goes back to where it was noted, as often as it is told to", () => {
    const plan = new FaultPlan([
      { kind: "busError", at: 1 },
      { kind: "busError", at: 2 },
    ]);
    plan.strikes("busError", "a");
    const restore = plan.capture();
    for (let n = 0; n < 3; n++) {
      expect(strikes(plan, "busError", ["a", "a", "a"])).toEqual([0, 1]);
      restore();
      expect([plan.struck.length, plan.pending.length]).toEqual([0, 2]);
    }
  });
});
