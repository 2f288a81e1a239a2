import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ClockEvent, VirtualClock } from "./clock.js";

/** An event that notes its name and time. */
function noting(log: string[], clock: VirtualClock, name: string): ClockEvent {
  return new ClockEvent(() => log.push(`${name}@${clock.nowNanos}`));
}

describe("VirtualClock, stepped", () => {
  it("runs events at their time, in the order of time", () => {
    const clock = new VirtualClock("stepped");
    const log: string[] = [];
    clock.schedule(30, noting(log, clock, "c"));
    clock.schedule(10, noting(log, clock, "a"));
    clock.schedule(20, noting(log, clock, "b"));
    clock.stepTo(20);
    expect(log).toEqual(["a@10", "b@20"]);
    expect(clock.nowNanos).toBe(20);
    clock.advance(100);
    expect(log).toEqual(["a@10", "b@20", "c@30"]);
    expect(clock.nowNanos).toBe(120);
  });

  it("runs events of the same time first in, first out, those that an event schedules for now included", () => {
    const clock = new VirtualClock("stepped");
    const log: string[] = [];
    const late = noting(log, clock, "late");
    clock.schedule(5, new ClockEvent(() => clock.schedule(0, late)));
    for (const name of ["a", "b", "c"]) clock.schedule(5, noting(log, clock, name));
    clock.advance(5);
    expect(log).toEqual(["a@5", "b@5", "c@5", "late@5"]);
  });

  it("lets an event schedule itself again", () => {
    const clock = new VirtualClock("stepped");
    const times: number[] = [];
    const tick = new ClockEvent(() => {
      times.push(clock.nowNanos);
      if (times.length < 3) clock.schedule(7, tick);
    });
    clock.schedule(7, tick);
    clock.stepTo(1000);
    expect(times).toEqual([7, 14, 21]);
    expect(clock.pendingEvents).toBe(0);
  });

  it("does not run what was cancelled", () => {
    const clock = new VirtualClock("stepped");
    const log: string[] = [];
    const event = noting(log, clock, "never");
    clock.schedule(5, event);
    clock.cancel(event);
    clock.cancel(event);
    expect(event.pending).toBe(false);
    clock.advance(10);
    expect(log).toEqual([]);
  });

  it("goes from event to event with runNext, and says when there is none", () => {
    const clock = new VirtualClock("stepped");
    const log: string[] = [];
    clock.schedule(4, noting(log, clock, "a"));
    clock.schedule(9, noting(log, clock, "b"));
    expect(clock.runNext()).toBe(true);
    expect(clock.nowNanos).toBe(4);
    expect(clock.runNext()).toBe(true);
    expect(clock.runNext()).toBe(false);
    expect(log).toEqual(["a@4", "b@9"]);
    expect(clock.nowNanos).toBe(9);
  });

  it("does not move by itself", async () => {
    const clock = new VirtualClock("stepped");
    const log: string[] = [];
    clock.schedule(0, noting(log, clock, "a"));
    await new Promise((resolve) => setImmediate(resolve));
    expect(log).toEqual([]);
  });

  it("refuses times that are none, times in the past, and an event that is pending", () => {
    const clock = new VirtualClock("stepped");
    const event = new ClockEvent(() => {});
    for (const delay of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => clock.schedule(delay, event)).toThrow(/whole nanoseconds/);
    }
    clock.schedule(1, event);
    expect(() => clock.schedule(2, event)).toThrow(expect.objectContaining({ code: "ERR_SIM_CLOCK" }));
    clock.advance(10);
    expect(() => clock.stepTo(9)).toThrow(/not before 10/);
    expect(() => clock.advance(1.5)).toThrow(expect.objectContaining({ code: "ERR_SIM_CLOCK" }));
  });

  it("agrees with a sorted list, whatever is scheduled, cancelled and stepped", () => {
    const command = fc.oneof(
      fc.record({ kind: fc.constant("schedule" as const), event: fc.nat(15), delay: fc.nat(20) }),
      fc.record({ kind: fc.constant("cancel" as const), event: fc.nat(15) }),
      fc.record({ kind: fc.constant("advance" as const), nanos: fc.nat(15) }),
      fc.record({ kind: fc.constant("next" as const) }),
    );
    fc.assert(
      fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
        const clock = new VirtualClock("stepped");
        const ran: number[] = [];
        const events = Array.from({ length: 16 }, (_, n) => new ClockEvent(() => ran.push(n)));
        let model: { n: number; due: number }[] = [];
        let now = 0;
        const expected: number[] = [];
        /** Array.sort is stable, and the list is in the order of scheduling. */
        const runUntil = (time: number): void => {
          const due = model.filter((entry) => entry.due <= time).sort((a, b) => a.due - b.due);
          expected.push(...due.map(({ n }) => n));
          model = model.filter((entry) => entry.due > time);
        };
        for (const step of commands) {
          if (step.kind === "schedule") {
            const event = events[step.event] as ClockEvent;
            if (event.pending) continue;
            clock.schedule(step.delay, event);
            model.push({ n: step.event, due: now + step.delay });
          } else if (step.kind === "cancel") {
            clock.cancel(events[step.event] as ClockEvent);
            model = model.filter(({ n }) => n !== step.event);
          } else if (step.kind === "advance") {
            clock.advance(step.nanos);
            now += step.nanos;
            runUntil(now);
          } else {
            const first = [...model].sort((a, b) => a.due - b.due)[0];
            expect(clock.runNext()).toBe(first !== undefined);
            if (first === undefined) continue;
            now = first.due;
            expected.push(first.n);
            model.splice(model.indexOf(first), 1);
          }
          expect(clock.nowNanos).toBe(now);
          expect(clock.pendingEvents).toBe(model.length);
          expect(events.map(({ pending }) => pending)).toEqual(
            events.map((_, n) => model.some((entry) => entry.n === n)),
          );
        }
        expect(ran).toEqual(expected);
      }),
    );
  });
});

describe("VirtualClock, free-running", () => {
  it("lets one event pass in each microtask", async () => {
    const clock = new VirtualClock("free");
    const log: string[] = [];
    clock.schedule(1_000_000_000, noting(log, clock, "a"));
    clock.schedule(2_000_000_000, noting(log, clock, "b"));
    expect(log).toEqual([]);
    await Promise.resolve();
    expect(log).toEqual(["a@1000000000"]);
    await Promise.resolve();
    expect(log).toEqual(["a@1000000000", "b@2000000000"]);
    expect(clock.nowNanos).toBe(2_000_000_000);
  });

  it("goes on for as long as events schedule others", async () => {
    const clock = new VirtualClock("free");
    let count = 0;
    const tick = new ClockEvent(() => {
      count += 1;
      if (count < 100) clock.schedule(10, tick);
    });
    clock.schedule(10, tick);
    await new Promise((resolve) => setImmediate(resolve));
    expect(count).toBe(100);
    expect(clock.nowNanos).toBe(1000);
  });
});

describe("relax", () => {
  it("free-running: runs events at once, no more than are needed", () => {
    const clock = new VirtualClock("free");
    let count = 0;
    for (let n = 0; n < 5; n++) clock.schedule(n, new ClockEvent(() => count++));
    expect(clock.relax(() => count === 3)).toBe(true);
    expect(count).toBe(3);
    expect(clock.relax(() => count === 100)).toBe(false);
    expect(count).toBe(5);
  });

  it("stepped: waits for whoever moves the clock", async () => {
    const clock = new VirtualClock("stepped");
    let count = 0;
    clock.schedule(10, new ClockEvent(() => count++));
    const waits = [clock.relax(() => count === 1), clock.relax(() => count === 2)];
    let settled = 0;
    for (const wait of waits) {
      expect(wait).toBeInstanceOf(Promise);
      void Promise.resolve(wait).then(() => settled++);
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(settled).toBe(0);
    clock.advance(5);
    expect(await Promise.all(waits)).toEqual([true, true]);
    const again = clock.relax(() => count === 1);
    clock.runNext();
    expect(await again).toBe(true);
    expect(count).toBe(1);
  });

  it("stepped: answers at once when it is over, or nothing is scheduled", () => {
    const clock = new VirtualClock("stepped");
    expect(clock.relax(() => true)).toBe(true);
    expect(clock.relax(() => false)).toBe(false);
  });
});
