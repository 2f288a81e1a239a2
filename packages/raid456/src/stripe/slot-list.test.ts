import { describe, expect, it } from "vitest";
import { slotList } from "../testing/slot-lists.js";

describe("A SlotList", () => {
  it("holds what was added since it was cleared", () => {
    const list = slotList(3, 1, 2);
    expect([list.length, list.toArray()]).toEqual([3, [3, 1, 2]]);
    list.clear();
    list.add(5);
    expect([list.length, list.toArray()]).toEqual([1, [5]]);
    expect([5, 3, 1, 2].map((slot) => list.has(slot))).toEqual([true, false, false, false]);
  });

  it("equals the same slots in the same order", () => {
    const list = slotList(9, 3, 1, 7);
    list.clear();
    for (const slot of [3, 1]) list.add(slot);
    expect(list.equals([3, 1])).toBe(true);
    for (const other of [[], [3], [1, 3], [3, 1, 1], [3, 2]]) expect(list.equals(other)).toBe(false);
  });

  it("gives copies away", () => {
    const list = slotList(3, 1);
    const copy = list.toArray();
    list.clear();
    list.add(4);
    expect(copy).toEqual([3, 1]);
  });
});
