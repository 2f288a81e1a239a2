import { randomFillSync } from "node:crypto";
import type { DmaEngine } from "@dmaengine/core";

/** What requests write from and read into. */
export interface Memory {
  readonly source: Uint8Array;
  readonly into: Uint8Array;
}

/** Memory of `lengthBytes` each way; what is written is random bytes. */
export function makeMemory(lengthBytes: number): Memory {
  return { source: randomFillSync(new Uint8Array(lengthBytes)), into: new Uint8Array(lengthBytes) };
}

/** The same in memory that the engine reaches directly, with the same bytes to be written. */
export function memoryOf(engine: DmaEngine, { source, into }: Memory): Memory {
  const [device] = engine.devices;
  if (device === undefined) throw new Error("the engine has no device");
  const reachable = device.alloc(source.length, 4096);
  reachable.set(source);
  return { source: reachable, into: device.alloc(into.length, 4096) };
}
