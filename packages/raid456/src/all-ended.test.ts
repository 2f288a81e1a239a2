import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { allEnded } from "./all-ended.js";

describe("allEnded", () => {
  it("waits for all, whatever happens to them, and rejects with what failed first", async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.array(fc.boolean(), { maxLength: 8 }), async (scheduler, fates) => {
        const ended: number[] = [];
        const failed: number[] = [];
        const all = allEnded(
          fates.map(async (succeeds, i) => {
            await scheduler.schedule(Promise.resolve(), `${i}`);
            ended.push(i);
            if (succeeds) return;
            failed.push(i);
            throw i;
          }),
        );
        const outcome = all.then(
          () => [...ended, "resolved"],
          (failure: unknown) => [...ended, "rejected", failure],
        );
        await scheduler.waitFor(Promise.allSettled([all]));
        const expected = failed.length === 0 ? ["resolved"] : ["rejected", failed[0]];
        expect(await outcome).toEqual([...ended, ...expected]);
        expect(ended).toHaveLength(fates.length);
      }),
    );
  });

  it("rejects with undefined, too", async () => {
    await expect(allEnded([Promise.reject()])).rejects.toBeUndefined();
  });
});
