import { gfExp } from "@dmaengine/core";
import { Arenas } from "../memory/arenas.js";
import type { Block, Kernels } from "./kernels.js";
import { availableKernels, type KernelsName } from "./select.js";
import { SimdKernels } from "./simd.js";
import { swarKernels } from "./swar.js";

/** How fast kernels were when they were measured. */
export interface KernelsSpeed {
  readonly kernels: KernelsName;
  /** Bytes of data disks per second, over P+Q of eight disks and the recovery of one of them. */
  readonly bytesPerSecond: number;
}

const DISKS = 8;
const BLOCK_BYTES = 4096;
const MEMORY_BYTES = 1024 * 1024;
/** Each candidate in turn, so often and for so long. Its best turn counts: the others were interrupted, or of code not optimised yet. */
const TURNS = 16;
const TURN_MILLIS = 1;
/** Between two looks at the clock. */
const REPETITIONS = 8;

const COEFS = Uint8Array.from({ length: DISKS }, (_, i) => gfExp(i));
/** No run of powers: each source is multiplied by itself, as in a recovery. */
const SCATTERED = Uint8Array.from({ length: DISKS }, (_, i) => gfExp(37 * i + 5));

let speeds: Promise<readonly KernelsSpeed[]> | undefined;

/** Measures the kernels that the runtime has, the first time that it is called in a program. The fastest ones come first. */
export function measureKernels(): Promise<readonly KernelsSpeed[]> {
  speeds ??= measure();
  return speeds;
}

async function measure(): Promise<readonly KernelsSpeed[]> {
  const candidates = await Promise.all(availableKernels().map(prepare));
  const best = candidates.map(() => 0);
  for (let turn = 0; turn < TURNS; turn++) {
    for (const [i, run] of candidates.entries()) best[i] = Math.max(best[i]!, bytesPerSecond(run));
  }
  return availableKernels()
    .map((kernels, i): KernelsSpeed => ({ kernels, bytesPerSecond: best[i]! }))
    .sort((a, b) => b.bytesPerSecond - a.bytesPerSecond);
}

function bytesPerSecond(run: () => void): number {
  const start = performance.now();
  let now = start;
  let count = 0;
  while (now - start < TURN_MILLIS) {
    for (let i = 0; i < REPETITIONS; i++) run();
    count += REPETITIONS;
    now = performance.now();
  }
  return (2 * count * DISKS * BLOCK_BYTES * 1000) / (now - start);
}

/** What is measured of these kernels: one call sums all disks up twice. */
async function prepare(name: KernelsName): Promise<() => void> {
  const { kernels, bytes, start } = name === "swar" ? plain() : await simd(name);
  const words = new Uint32Array(bytes.buffer);
  const block = (i: number): Block => ({ bytes, words, start: start + i * BLOCK_BYTES });
  const data = Array.from({ length: DISKS }, (_, i) => block(i));
  const [p, q] = [block(DISKS), block(DISKS + 1)];
  return () => {
    kernels.pq(p, q, data, COEFS, DISKS, BLOCK_BYTES, false);
    kernels.pq(null, q, data, SCATTERED, DISKS, BLOCK_BYTES, false);
  };
}

/** Kernels, and memory that they work on best: from `start` on, enough of `bytes`. */
interface Candidate {
  readonly kernels: Kernels;
  readonly bytes: Uint8Array;
  readonly start: number;
}

function plain(): Candidate {
  return { kernels: swarKernels, bytes: new Uint8Array((DISKS + 2) * BLOCK_BYTES), start: 0 };
}

async function simd(name: "relaxed-simd" | "simd"): Promise<Candidate> {
  const arenas = await Arenas.open(name === "relaxed-simd", MEMORY_BYTES);
  const { buffer, byteOffset } = arenas.alloc((DISKS + 2) * BLOCK_BYTES, BLOCK_BYTES);
  return { kernels: new SimdKernels(arenas), bytes: new Uint8Array(buffer), start: byteOffset };
}
