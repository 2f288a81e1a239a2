import type { Contestant, Work } from "./contestant.js";
import { type Isal, IsalSets, loadIsal } from "./isal-sets.js";

/**
 * ISA-L by direct calls, one after the other, on this thread: what the library can do, without a framework. It uses what is fastest in the
 * library: to check Q, sums are generated again and compared, which its `pq_check` takes several times as long for.
 */
export class RawIsal implements Contestant {
  readonly name = "raw ISA-L";
  readonly batch = 1;
  readonly #isal: Isal = loadIsal();
  readonly #sets = new IsalSets(this.#isal);

  can(): boolean {
    return true;
  }

  prepare(sets: number, disks: number, blockBytes: number): void {
    this.#sets.prepare(sets, disks, blockBytes);
  }

  release(): void {
    this.#sets.release();
  }

  run(work: Work, operations: number): void {
    for (let i = 0; i < operations; i++) this.#do(work);
  }

  #do(work: Work): void {
    const { xorGen, pqGen, ecEncodeData, zeroDetect } = this.#isal;
    const { disks, blockBytes, checkBytes, difference, recoveryTables } = this.#sets;
    const lists = this.#sets.next();
    switch (work) {
      case "xor":
        xorGen(disks + 1, blockBytes, lists.xor);
        break;
      case "P+Q":
        pqGen(disks + 2, blockBytes, lists.pq);
        break;
      case "Q check":
        for (const { gen, compare } of lists.checks) {
          pqGen(disks + 2, checkBytes, gen);
          xorGen(3, checkBytes, compare);
          zeroDetect(difference, checkBytes);
        }
        break;
      case "recover":
        ecEncodeData(blockBytes, disks, 2, recoveryTables, lists.forRecovery, lists.recovered);
        break;
    }
  }
}
