import { ReedSolomonErasure } from "@subspace/reed-solomon-erasure.wasm";
import { type Contestant, fill, type Work } from "./contestant.js";

/**
 * `@subspace/reed-solomon-erasure.wasm`: the Rust crate reed-solomon-erasure compiled to WebAssembly. Its shards are copied into its memory
 * and back by each call. Its code is not RAID-6's, its work is the same.
 */
export class WasmReedSolomon implements Contestant {
  readonly name = "wasm RS";
  readonly batch = 1;
  readonly #reedSolomon: ReedSolomonErasure;
  #sets: Uint8Array[] = [];
  #next = 0;
  #disks = 0;
  #blockBytes = 0;
  /** Which shards a recovery has: all but the first two. */
  #available: boolean[] = [];

  private constructor(reedSolomon: ReedSolomonErasure) {
    this.#reedSolomon = reedSolomon;
  }

  static async open(): Promise<WasmReedSolomon> {
    return new WasmReedSolomon(await ReedSolomonErasure.fromCurrentDirectory());
  }

  can(work: Work): boolean {
    return work !== "Q check";
  }

  prepare(sets: number, disks: number, blockBytes: number): void {
    this.#disks = disks;
    this.#blockBytes = blockBytes;
    this.#available = Array.from({ length: disks + 2 }, (_, i) => i >= 2);
    for (let i = 0; i < sets; i++) {
      const shards = new Uint8Array((disks + 2) * blockBytes);
      fill(shards, i);
      this.#sets.push(shards);
    }
    this.#next = 0;
  }

  release(): void {
    this.#sets = [];
  }

  run(work: Work, operations: number): void {
    for (let i = 0; i < operations; i++) {
      const shards = this.#sets[this.#next] as Uint8Array;
      this.#next = this.#next + 1 === this.#sets.length ? 0 : this.#next + 1;
      const result = this.#do(work, shards);
      if (result !== ReedSolomonErasure.RESULT_OK) throw new Error(`${this.name}: error ${result}`);
    }
  }

  #do(work: Work, shards: Uint8Array): number {
    switch (work) {
      case "xor":
        return this.#reedSolomon.encode(
          shards.subarray(0, (this.#disks + 1) * this.#blockBytes),
          this.#disks,
          1,
        );
      case "recover":
        return this.#reedSolomon.reconstruct(shards, this.#disks, 2, this.#available);
      default:
        return this.#reedSolomon.encode(shards, this.#disks, 2);
    }
  }
}
