import { DmaError } from "@dmaengine/core";
import {
  type AnyDeviceDefinition,
  type ChannelHost,
  DirectDomain,
  type DmaDomain,
  type DmaDriver,
  type DRIVER_CONTRACT,
  type DriverChannel,
  defineDevice,
} from "@dmaengine/core/driver";
import { CpuChannel } from "./channel.js";
import type { CpuOperation } from "./execute.js";
import { type KernelsSpeed, measureKernels } from "./kernels/measure.js";
import { availableKernels, type KernelsName, requireKernels } from "./kernels/select.js";
import { SimdKernels } from "./kernels/simd.js";
import { swarKernels } from "./kernels/swar.js";
import { ArenaDomain } from "./memory/arena-domain.js";
import { Arenas } from "./memory/arenas.js";
import { SharedDomain } from "./memory/shared-domain.js";
import { SharedMemory } from "./memory/shared-memory.js";
import { MAX_SOURCES } from "./operands.js";
import { compileWorkerKernels } from "./wasm/compile.js";
import type { SpawnWorker } from "./workers/spawn.js";
import { spawnWebWorker } from "./workers/spawn-web-worker.js";
import { WorkerChannel } from "./workers/worker-channel.js";

/** Options of the software engine. */
export interface CpuOptions {
  /** The device's name in messages and statistics, unique within its engine instance. Default "cpu". */
  readonly name?: string;
  /** Most transactions of a channel at a time, prepared ones included: 1 to 65536. Default 256. */
  readonly ringSize?: number;
  /** Which kernels do the arithmetic. Default "auto": those that are fastest when they are measured at registration. */
  readonly kernels?: KernelsName | "auto";
  /**
   * How many worker threads do the work, each behind a channel of its own, 0 to 64. Default 0: none, it is done inline. Workers need SIMD
   * kernels, and memory that threads can share: a browser's page has to be cross-origin isolated.
   */
  readonly workers?: number;
  /**
   * How a worker is started. Default {@link spawnWebWorker} where there are Web Workers; `@dmaengine/driver-cpu/node` starts worker threads
   * of Node.
   */
  readonly spawn?: SpawnWorker;
  /** A worker that does nothing for so long although there is work is replaced, and what it had to do fails. Default 10000. */
  readonly hangTimeoutMillis?: number;
  /**
   * Most bytes of linear memory for `device.alloc()`, what the kernels need for themselves included: 1 MiB or more.
   * Default 4 GiB. Memory is taken as it is needed.
   */
  readonly maxMemoryBytes?: number;
}

/** The software engine, and what it works with. */
export interface CpuDriver extends DmaDriver {
  /** The kernels that do the arithmetic; "auto" until they are selected, at registration. */
  readonly kernels: KernelsName | "auto";
  /** What that selection was made from, the fastest first; empty when nothing had to be measured. */
  readonly speeds: readonly KernelsSpeed[];
}

const MIN_MEMORY_BYTES = 1024 * 1024;
const MAX_WORKERS = 64;

/**
 * The software engine: one device that does every operation on the CPU.
 *
 * Without workers it works inline: `issuePending` executes everything that was submitted and completes it before it returns, so a poll never finds a
 * transaction in progress that was issued. Callbacks run afterwards, in a microtask.
 *
 * Any memory can be mapped, at no cost. Arithmetic is done in linear memory: memory of `device.alloc()` is there already, and other memory
 * passes through it while a transaction runs, which `bouncedBytes` counts. A copy or fill works on any memory directly, and with the
 * kernels "swar" everything does.
 *
 * With workers there is a channel for each, and `issuePending` returns at once. Memory of `device.alloc()` is shared with them; other memory is
 * copied when it is mapped, and back when it is unmapped. When a worker dies or hangs, what it had not done fails with `WRITE_FAILED`, and
 * another one takes its place.
 *
 * Memory of `device.alloc()` is on a `SharedArrayBuffer`, so that it can be handed to threads: with workers always, inline where the runtime has
 * one (Node always, a browser where the page is cross-origin isolated), with kernels "swar" never. Where it is not, it is on an `ArrayBuffer`.
 *
 * A transaction with an address that is not mapped fails with `READ_FAILED` or `WRITE_FAILED` and writes nothing; those behind it are
 * executed.
 *
 * Throws `ERR_DMA_LIMIT` when a number is out of range, and `ERR_DMA_CAPABILITY` when the runtime doesn't have the kernels that are asked for.
 */
export function cpu(options: CpuOptions = {}): CpuDriver {
  const { name = "cpu", ringSize = 256, maxMemoryBytes = 4 * 1024 ** 3 } = options;
  if (!Number.isInteger(ringSize) || ringSize < 1 || ringSize > 65536) {
    throw new DmaError("ERR_DMA_LIMIT", `cpu: expected a ringSize from 1 to 65536, got ${ringSize}`);
  }
  if (!Number.isSafeInteger(maxMemoryBytes) || maxMemoryBytes < MIN_MEMORY_BYTES) {
    throw new DmaError(
      "ERR_DMA_LIMIT",
      `cpu: expected maxMemoryBytes to be ${MIN_MEMORY_BYTES} or more, got ${maxMemoryBytes}`,
    );
  }
  let { kernels = "auto" } = options;
  let speeds: readonly KernelsSpeed[] = [];
  if (kernels !== "auto") requireKernels(kernels);
  const workers = workerOptions(options);
  return {
    name: "@dmaengine/driver-cpu",
    // The number itself, not core's constant, which would always be that of the core at hand.
    contract: 1 satisfies typeof DRIVER_CONTRACT,
    get kernels() {
      return kernels;
    },
    get speeds() {
      return speeds;
    },
    async probe() {
      if (kernels === "auto") {
        speeds = await measureKernels();
        kernels = fastest(speeds, workers !== null);
      }
      if (workers !== null) return [await workerDevice(name, ringSize, maxMemoryBytes, kernels, workers)];
      if (kernels === "swar") {
        const domain = new DirectDomain(name);
        return [device(name, ringSize, domain, [(host) => new CpuChannel(host, domain.space, swarKernels)])];
      }
      const arenas = await Arenas.open(kernels === "relaxed-simd", maxMemoryBytes);
      const domain = new ArenaDomain(name, arenas);
      return [
        device(name, ringSize, domain, [
          (host) => new CpuChannel(host, domain.space, new SimdKernels(arenas)),
        ]),
      ];
    },
  };
}

/** What is asked for in the way of workers; null: none. */
interface WorkerOptions {
  readonly count: number;
  readonly spawn: SpawnWorker;
  readonly hangTimeoutMillis: number;
}

function fastest(speeds: readonly KernelsSpeed[], forWorkers: boolean): KernelsName {
  const usable = speeds.find(({ kernels }) => !forWorkers || kernels !== "swar");
  return (usable as KernelsSpeed).kernels;
}

function workerOptions(options: CpuOptions): WorkerOptions | null {
  const { kernels, workers: count = 0, spawn = webWorkers(), hangTimeoutMillis = 10_000 } = options;
  if (!Number.isInteger(count) || count < 0 || count > MAX_WORKERS) {
    throw new DmaError("ERR_DMA_LIMIT", `cpu: expected 0 to ${MAX_WORKERS} workers, got ${count}`);
  }
  if (!(hangTimeoutMillis > 0)) {
    throw new DmaError("ERR_DMA_LIMIT", `cpu: expected hangTimeoutMillis above 0, got ${hangTimeoutMillis}`);
  }
  if (count === 0) return null;
  if (kernels === "swar" || availableKernels()[0] === "swar") {
    throw new DmaError("ERR_DMA_CAPABILITY", "cpu: workers need SIMD kernels, and these are swar");
  }
  if (spawn === undefined) {
    throw new DmaError(
      "ERR_DMA_CAPABILITY",
      "cpu: expected spawn, which starts a worker: on Node import cpu from @dmaengine/driver-cpu/node, elsewhere pass the option",
    );
  }
  return { count, spawn, hangTimeoutMillis };
}

function webWorkers(): SpawnWorker | undefined {
  return typeof Worker === "undefined" ? undefined : spawnWebWorker;
}

async function workerDevice(
  name: string,
  ringSize: number,
  maxMemoryBytes: number,
  kernels: KernelsName,
  { count, spawn, hangTimeoutMillis }: WorkerOptions,
): Promise<AnyDeviceDefinition> {
  const module = await compileWorkerKernels(kernels === "relaxed-simd");
  const memory = new SharedMemory(maxMemoryBytes);
  const domain = new SharedDomain(name, memory);
  const channel = (host: ChannelHost): WorkerChannel =>
    new WorkerChannel(host, { spawn, module, memory, domain, hangTimeoutMillis });
  return device(name, ringSize, domain, new Array<typeof channel>(count).fill(channel));
}

function device(
  name: string,
  ringSize: number,
  domain: DmaDomain,
  channels: readonly ((host: ChannelHost) => DriverChannel<CpuOperation>)[],
): AnyDeviceDefinition {
  return defineDevice({
    name,
    capabilities: {
      memcpy: {},
      memset: {},
      xor: { maxSources: MAX_SOURCES },
      xorVal: { maxSources: MAX_SOURCES },
      pq: { maxSources: MAX_SOURCES, continuation: true },
      pqVal: { maxSources: MAX_SOURCES, continuation: true },
      interrupt: {},
    },
    domain,
    ringSize,
    channels,
  });
}
