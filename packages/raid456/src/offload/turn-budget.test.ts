import { describe, expect, it } from "vitest";
import { nextTurn } from "./next-turn.js";
import { TurnBudget } from "./turn-budget.js";

const MIB = 1024 * 1024;
const turn = (): Promise<void> => new Promise((resolve) => nextTurn(resolve));

describe("TurnBudget", () => {
  it("runs tasks at once until enough was done, and the others in later turns, in order", async () => {
    const budget = new TurnBudget();
    const done: number[] = [];
    const start = (n: number): void =>
      budget.run(() => {
        done.push(n);
        budget.spend(MIB / 2);
      });
    for (let n = 0; n < 5; n++) start(n);
    expect(done).toEqual([0, 1]);
    await turn();
    expect(done).toEqual([0, 1, 2, 3]);
    // Nobody overtakes who has waited, although there is room for one more.
    start(5);
    expect(done).toEqual([0, 1, 2, 3]);
    await turn();
    expect(done).toEqual([0, 1, 2, 3, 4, 5]);
    await turn();
    start(6);
    expect(done).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it("puts nothing off that costs nothing", () => {
    const budget = new TurnBudget();
    let done = 0;
    for (let n = 0; n < 1000; n++) budget.run(() => (done += 1));
    expect(done).toBe(1000);
  });
});
