import { DmaDirection, type DmaDriver, DmaEngine } from "@dmaengine/core";
import { Platform, TraceRecorder } from "@dmaengine/sim";
import type { Machine } from "./machines.js";
import { runOnClock } from "./run-on-clock.js";

/** A machine that is set up, with an engine instance on it. Both sides of the laboratory get one of their own. */
export class Bench {
  readonly platform: Platform;
  readonly engine: DmaEngine;
  readonly recorder: TraceRecorder;
  /** Calls that mapped memory for reading and writing, `BIDIRECTIONAL`. */
  bidirectionalMaps = 0;
  /** What the CPU did by itself, by operation. */
  readonly cpuOperations: Record<string, number> = {};
  readonly #drivers: readonly DmaDriver[];

  private constructor(machine: Machine, seed: number) {
    this.platform = new Platform({ ...machine.description, clock: "stepped", cpu: "serial", seed });
    this.recorder = new TraceRecorder(this.platform);
    this.engine = new DmaEngine({
      // A computer that is busy with something else for a while must not look like an engine that hangs.
      syncWaitMillis: Number.POSITIVE_INFINITY,
      trace: (event) => {
        if (event.type === "map" && event.direction === DmaDirection.BIDIRECTIONAL)
          this.bidirectionalMaps += 1;
        this.recorder.engine(event);
      },
    });
    this.#drivers = machine.drivers(this.platform);
  }

  /** `seed` is for what the caches do of their own accord. */
  static async setUp(machine: Machine, seed: number): Promise<Bench> {
    const bench = new Bench(machine, seed);
    await bench.run(async () => {
      for (const driver of bench.#drivers) await bench.engine.register(driver);
    });
    return bench;
  }

  /** Runs a task while the machine's time passes. */
  run<T>(task: () => Promise<T>): Promise<T> {
    return runOnClock(this.platform, task);
  }

  /** The CPU reads and writes `bytes` by itself: it pays, and is busy. */
  readonly cpuWork = (operation: string, bytes: number): void => {
    const { meter } = this.platform;
    this.cpuOperations[operation] = (this.cpuOperations[operation] ?? 0) + 1;
    this.recorder.cpuWork(operation, bytes * meter.costs.cpu.cpuByte.value, { bytes });
    meter.charge("cpuByte", bytes);
  };

  /** Lets the drivers go. Nothing may use the engine any more. */
  async close(): Promise<void> {
    await this.run(async () => {
      for (const driver of this.#drivers) await this.engine.unregister(driver);
    });
  }
}
