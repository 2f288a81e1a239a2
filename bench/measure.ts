import { type PerformanceEntry, PerformanceObserver, performance } from "node:perf_hooks";
import { setImmediate } from "node:timers/promises";
import { getHeapSpaceStatistics } from "node:v8";

/** Does `count` operations, all of them before it returns or its promise resolves. */
export type Workload = (count: number) => void | Promise<void>;

/** What one operation takes on average. */
export interface Cost {
  readonly nanos: number;
  /** Bytes allocated on the heap. */
  readonly bytes: number;
}

const WARM_UP_OPERATIONS = 2_000_000;
/** Operations between two looks at the clock and the heap. */
const WINDOW_OPERATIONS = 250_000;

/**
 * Runs at least `operations` operations, in windows, and tells what one costs. New objects are made in V8's young generation, so as long as nothing is
 * collected it grows by exactly what is allocated, and what the compiler does meanwhile does not count. Each window starts with a
 * collection; throws if another falls into it. Node must run with `--expose-gc` and a young generation that holds what a window allocates.
 */
export async function measure(workload: Workload, operations: number): Promise<Cost> {
  const collections: PerformanceEntry[] = [];
  const observer = new PerformanceObserver((list) => collections.push(...list.getEntries()));
  observer.observe({ entryTypes: ["gc"] });
  await workload(WARM_UP_OPERATIONS);
  const windows = Math.ceil(operations / WINDOW_OPERATIONS);
  let millis = 0;
  let bytes = 0;
  for (let i = 0; i < windows; i++) {
    collect();
    const bytesBefore = youngBytes();
    const start = performance.now();
    await workload(WINDOW_OPERATIONS);
    const end = performance.now();
    bytes += youngBytes() - bytesBefore;
    millis += end - start;
    // The observer hears of collections when the event loop has turned.
    await setImmediate();
    if (collections.some(({ startTime }) => startTime > start && startTime < end)) {
      throw new Error(
        "memory was collected while it was measured: give --max-semi-space-size more megabytes",
      );
    }
    collections.length = 0;
  }
  observer.disconnect();
  const count = windows * WINDOW_OPERATIONS;
  return { nanos: (millis * 1e6) / count, bytes: bytes / count };
}

function collect(): void {
  if (globalThis.gc === undefined) throw new Error("run node with --expose-gc");
  globalThis.gc();
}

/** Bytes in use in the young generation. */
function youngBytes(): number {
  let bytes = 0;
  for (const { space_name, space_used_size } of getHeapSpaceStatistics()) {
    if (space_name.startsWith("new_")) bytes += space_used_size;
  }
  return bytes;
}
