import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inWindow } from "./window.js";

describe("inWindow", () => {
  it("runs each task once, in order of starting, never more at a time than allowed, and reports prefixes in order", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.nat(30),
        fc.integer({ min: 1, max: 8 }),
        async (scheduler, count, limit) => {
          const started: number[] = [];
          const ended = new Set<number>();
          const prefixes: number[] = [];
          const whole = inWindow(
            count,
            limit,
            async (i) => {
              started.push(i);
              expect(started.length - ended.size).toBeLessThanOrEqual(limit);
              await scheduler.schedule(Promise.resolve());
              ended.add(i);
            },
            (completed) => {
              for (let i = 0; i < completed; i++) expect(ended.has(i)).toBe(true);
              prefixes.push(completed);
            },
          );
          await scheduler.waitFor(whole);
          expect(started).toEqual(Array.from({ length: count }, (_, i) => i));
          expect(prefixes).toEqual([...new Set(prefixes)].sort((a, b) => a - b));
          expect(prefixes.at(-1) ?? 0).toBe(count);
        },
      ),
    );
  });

  it("rejects with the first failure, starts nothing after it, and ends only when nothing is at work any more", async () => {
    let atWork = 0;
    const started: number[] = [];
    const whole = inWindow(100, 4, async (i) => {
      started.push(i);
      atWork += 1;
      await new Promise((resolve) => setTimeout(resolve, i === 2 ? 0 : 5));
      atWork -= 1;
      if (i >= 2) throw new Error(`task ${i}`);
    });
    await expect(whole).rejects.toThrow("task 2");
    expect(atWork).toBe(0);
    expect(started.length).toBeLessThan(10);
  });

  it("rejects when a report does", async () => {
    const whole = inWindow(
      10,
      2,
      async () => {},
      () => {
        throw new Error("the checkpoint can't be written");
      },
    );
    await expect(whole).rejects.toThrow("the checkpoint can't be written");
  });
});
