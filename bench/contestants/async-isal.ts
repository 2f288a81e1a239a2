import type { Contestant, Work } from "./contestant.js";
import { inFlight } from "./in-flight.js";
import { type Isal, IsalSets, loadIsal } from "./isal-sets.js";

/** As many as Node's thread pool has threads. */
const IN_FLIGHT = 4;

/** ISA-L by koffi's asynchronous calls, each of which runs on a thread of Node's pool. */
export class AsyncIsal implements Contestant {
  readonly name = "async ISA-L";
  readonly batch = IN_FLIGHT;
  readonly #isal: Isal = loadIsal();
  readonly #sets = new IsalSets(this.#isal);

  can(work: Work): boolean {
    return work !== "Q check";
  }

  /** Calls at a time work on sets of their own. */
  prepare(sets: number, disks: number, blockBytes: number): void {
    this.#sets.prepare(Math.max(sets, IN_FLIGHT), disks, blockBytes);
  }

  release(): void {
    this.#sets.release();
  }

  run(work: Work, operations: number): Promise<void> {
    return inFlight(IN_FLIGHT, operations, (done) => this.#begin(work, done));
  }

  #begin(work: Work, done: (error: Error | null) => void): void {
    const { xorGen, pqGen, ecEncodeData } = this.#isal;
    const { disks, blockBytes, recoveryTables } = this.#sets;
    const { xor, pq, forRecovery, recovered } = this.#sets.next();
    if (work === "xor") xorGen.async(disks + 1, blockBytes, xor, done);
    else if (work === "P+Q") pqGen.async(disks + 2, blockBytes, pq, done);
    else ecEncodeData.async(blockBytes, disks, 2, recoveryTables, forRecovery, recovered, done);
  }
}
