/**
 * How fast simulated engines are: descriptors of 4 KiB copies per second of real time that the process has a core for itself, without and with a
 * trace. A client submits copies in batches and waits for each batch, all in one process. The fastest of many short rounds counts: what
 * another one takes longer is what else the machine does.
 */
import {
  type DmaChan,
  DmaDirection,
  type DmaDriver,
  DmaEngine,
  DmaStatus,
  type DmaTraceEvent,
} from "@dmaengine/core";
import { ioat } from "@dmaengine/driver-ioat";
import { iop3xx } from "@dmaengine/driver-iop3xx";
import { mvXor } from "@dmaengine/driver-mvxor";
import { pl08x } from "@dmaengine/driver-pl08x";
import { Platform, TraceRecorder } from "@dmaengine/sim";

const BLOCK_BYTES = 4096;
const BATCH = 32;
const ROUND_COPIES = 512 * BATCH;
const WARM_UP_ROUNDS = 8;
const ROUNDS = 30;
/** What is promised of an engine without a trace. */
const TARGET_PER_SECOND = 300_000;

/** One driver for each simulated engine, on a platform. */
const ENGINES: Readonly<Record<string, (platform: Platform) => DmaDriver>> = {
  ioat: (platform) => ioat({ platform }),
  mvxor: (platform) => mvXor({ platform }),
  iop3xx: (platform) => iop3xx({ platform }),
  pl08x: (platform) => pl08x({ platform }),
};

/** A channel of an engine, and memory for a batch: sources first. */
class Rig {
  readonly #chan: DmaChan<"memcpy">;
  readonly #base: number;
  /** Begins a trace. One holds a single round, so that it does not fill memory. */
  readonly #beginTrace: () => void;

  private constructor(chan: DmaChan<"memcpy">, base: number, beginTrace: () => void) {
    this.#chan = chan;
    this.#base = base;
    this.#beginTrace = beginTrace;
  }

  static async open(driverOn: (platform: Platform) => DmaDriver, traced: boolean): Promise<Rig> {
    const platform = new Platform();
    let recorder = traced ? new TraceRecorder(platform) : null;
    const trace = (event: DmaTraceEvent): void => recorder?.engine(event);
    const engine = new DmaEngine(traced ? { trace } : {});
    await engine.register(driverOn(platform));
    const chan = engine.requestChannel(["memcpy"]);
    const memory = new Uint8Array(2 * BATCH * BLOCK_BYTES).fill(1);
    const base = chan.device.mapSingle(memory, DmaDirection.BIDIRECTIONAL);
    return new Rig(chan, base, () => {
      if (traced) recorder = new TraceRecorder(platform);
    });
  }

  /** Copies per second of a core in one round. */
  async round(): Promise<number> {
    this.#beginTrace();
    const before = process.cpuUsage();
    for (let done = 0; done < ROUND_COPIES; done += BATCH) await this.#copyBatch();
    const { user, system } = process.cpuUsage(before);
    return (1e6 * ROUND_COPIES) / (user + system);
  }

  async #copyBatch(): Promise<void> {
    const chan = this.#chan;
    let src = this.#base;
    let cookie = 0;
    for (let n = 0; n < BATCH; n++) {
      const tx = chan.prepMemcpy(src + BATCH * BLOCK_BYTES, src, BLOCK_BYTES);
      if (tx === null) throw new Error(`${chan.name}: no room for a batch of ${BATCH}`);
      cookie = tx.submit();
      src += BLOCK_BYTES;
    }
    const status = await chan.syncWait(cookie);
    if (status !== DmaStatus.COMPLETE) throw new Error(`${chan.name}: a copy ended with status ${status}`);
  }
}

/** The fastest round's rate. */
async function measure(driverOn: (platform: Platform) => DmaDriver, traced: boolean): Promise<number> {
  const rig = await Rig.open(driverOn, traced);
  for (let round = 0; round < WARM_UP_ROUNDS; round++) await rig.round();
  let best = 0;
  for (let round = 0; round < ROUNDS; round++) best = Math.max(best, await rig.round());
  return best;
}

const formatted = (rate: number): string =>
  (Math.round(rate / 1000) * 1000).toLocaleString("en").padStart(10);

console.log(
  `${BLOCK_BYTES} byte copies per second of one core, ${BATCH} at a time, Node ${process.versions.node}\n`,
);
console.log(`engine    ${"trace off".padStart(10)} ${"trace on".padStart(10)}`);
for (const [name, driverOn] of Object.entries(ENGINES)) {
  const off = await measure(driverOn, false);
  const on = await measure(driverOn, true);
  const verdict = off >= TARGET_PER_SECOND ? "met" : "NOT met";
  console.log(
    `${name.padEnd(9)} ${formatted(off)} ${formatted(on)}   target ${formatted(TARGET_PER_SECOND).trim()}: ${verdict}`,
  );
}
