import { createRequire } from "node:module";
import { type Contestant, fill, type Work } from "./contestant.js";
import { inFlight } from "./in-flight.js";

/** What is used of `@ronomon/reed-solomon`, which has no types. Shards are named by bits. */
interface ReedSolomon {
  create(dataShards: number, parityShards: number): Buffer;
  encode(
    context: Buffer,
    sources: number,
    targets: number,
    buffer: Buffer,
    bufferOffset: number,
    bufferSize: number,
    parity: Buffer,
    parityOffset: number,
    paritySize: number,
    done: (error?: Error) => void,
  ): void;
}

interface Shards {
  readonly data: Buffer;
  readonly parity: Buffer;
}

/** `@ronomon/reed-solomon`: a native addon with tables in SSSE3, in the thread pool of Node. Its code is not RAID-6's, its work is the same. */
export class Ronomon implements Contestant {
  readonly name: string;
  readonly batch = 1;
  readonly #reedSolomon: ReedSolomon;
  readonly #inFlight: number;
  #sets: Shards[] = [];
  #next = 0;
  #disks = 0;
  #contexts: Readonly<Record<1 | 2, Buffer>>;

  private constructor(name: string, inFlight: number, reedSolomon: ReedSolomon) {
    this.name = name;
    this.#inFlight = inFlight;
    this.#reedSolomon = reedSolomon;
    this.#contexts = { 1: Buffer.alloc(0), 2: Buffer.alloc(0) };
  }

  /** With so many calls at a time: 1 keeps one thread busy. Throws when the addon was not compiled, which an install leaves out. */
  static open(name: string, inFlight: number): Ronomon {
    const require = createRequire(import.meta.url);
    let reedSolomon: ReedSolomon;
    try {
      reedSolomon = require("@ronomon/reed-solomon") as ReedSolomon;
    } catch (cause) {
      throw new Error("compile it by: pnpm --filter @dmaengine/bench run build-ronomon", { cause });
    }
    return new Ronomon(name, inFlight, reedSolomon);
  }

  can(work: Work): boolean {
    return work !== "Q check";
  }

  prepare(sets: number, disks: number, blockBytes: number): void {
    this.#disks = disks;
    this.#contexts = { 1: this.#reedSolomon.create(disks, 1), 2: this.#reedSolomon.create(disks, 2) };
    // Calls at a time work on sets of their own.
    for (let i = 0; i < Math.max(sets, this.#inFlight); i++) {
      const data = Buffer.alloc(disks * blockBytes);
      fill(data, i);
      this.#sets.push({ data, parity: Buffer.alloc(2 * blockBytes) });
    }
    this.#next = 0;
  }

  release(): void {
    this.#sets = [];
  }

  run(work: Work, operations: number): Promise<void> {
    return inFlight(this.#inFlight, operations, (done) => this.#encode(work, done));
  }

  #encode(work: Work, done: (error?: Error) => void): void {
    const { data, parity } = this.#sets[this.#next] as Shards;
    this.#next = this.#next + 1 === this.#sets.length ? 0 : this.#next + 1;
    const parityShards = work === "xor" ? 1 : 2;
    const allData = 2 ** this.#disks - 1;
    const allParity = (2 ** parityShards - 1) * 2 ** this.#disks;
    const targets = work === "recover" ? 0b11 : allParity;
    const sources = (allData | allParity) & ~targets;
    this.#reedSolomon.encode(
      this.#contexts[parityShards],
      sources,
      targets,
      data,
      0,
      data.length,
      parity,
      0,
      (parity.length / 2) * parityShards,
      done,
    );
  }
}
