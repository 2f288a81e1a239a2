import { describe, expect, it } from "vitest";
import { VirtualClock } from "./clock.js";
import { IrqController } from "./irq.js";

function rig() {
  const clock = new VirtualClock("stepped");
  return { clock, irqs: new IrqController(clock) };
}

describe("IrqLine", () => {
  it("runs the handler in hard interrupt context when the line rises, and counts it", () => {
    const { irqs } = rig();
    const line = irqs.line("dev0");
    const contexts: string[] = [];
    line.request(() => contexts.push(irqs.context));
    line.raise();
    line.raise();
    expect(contexts).toEqual(["hardirq"]);
    expect(line.raised).toBe(true);
    line.lower();
    line.raise();
    expect(contexts).toEqual(["hardirq", "hardirq"]);
    expect(irqs.hardIrqs).toBe(2);
    expect(irqs.context).toBe("task");
  });

  it("has one handler at a time, and none after free()", () => {
    const { irqs } = rig();
    const line = irqs.line("dev0");
    line.request(() => {});
    expect(() => line.request(() => {})).toThrow(expect.objectContaining({ code: "ERR_SIM_IRQ" }));
    line.free();
    expect(() => line.raise()).toThrow(/dev0 was raised and nobody handles it/);
  });

  it("leaves the context as it was when a handler throws", () => {
    const { irqs } = rig();
    const line = irqs.line("dev0");
    line.request(() => {
      throw new Error("broken handler");
    });
    expect(() => line.raise()).toThrow("broken handler");
    expect(irqs.context).toBe("task");
  });
});

describe("Tasklet", () => {
  it("runs once, after the interrupt, however often it is scheduled", () => {
    const { clock, irqs } = rig();
    const log: string[] = [];
    const tasklet = irqs.tasklet(() => log.push(irqs.context));
    const line = irqs.line("dev0");
    line.request(() => {
      tasklet.schedule();
      tasklet.schedule();
      log.push(irqs.context);
    });
    line.raise();
    expect(log).toEqual(["hardirq"]);
    clock.advance(0);
    expect(log).toEqual(["hardirq", "softirq"]);
    expect(irqs.taskletRuns).toBe(1);
  });

  it("can be interrupted, and runs again when it is scheduled meanwhile", () => {
    const { clock, irqs } = rig();
    const line = irqs.line("dev0");
    const log: string[] = [];
    const tasklet = irqs.tasklet(() => {
      if (log.length < 3) line.raise();
      log.push(irqs.context);
    });
    line.request(() => {
      line.lower();
      log.push(irqs.context);
      tasklet.schedule();
    });
    tasklet.schedule();
    clock.advance(0);
    expect(log).toEqual(["hardirq", "softirq", "hardirq", "softirq", "softirq"]);
  });

  it("does not run once it is killed", () => {
    const { clock, irqs } = rig();
    let runs = 0;
    const tasklet = irqs.tasklet(() => runs++);
    tasklet.schedule();
    tasklet.kill();
    clock.advance(10);
    expect(runs).toBe(0);
  });
});
