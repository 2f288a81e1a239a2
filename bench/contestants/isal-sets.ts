import koffi from "koffi";
import { fill } from "./contestant.js";
import { recoveryCoefs } from "./framework.js";

/** Recomputed sums are compared in pieces that stay in the first-level cache. */
const CHECK_BYTES = 8192;

/** A function of the library: called here and now, or on a thread of Node's pool. */
interface Call {
  (...args: number[]): number;
  async(...args: [...number[], (error: Error | null) => void]): void;
}

/** The functions of ISA-L that are called (isa-l/raid.h, erasure_code.h, mem_routines.h). */
export interface Isal {
  readonly xorGen: Call;
  readonly pqGen: Call;
  readonly ecEncodeData: Call;
  readonly ecInitTables: Call;
  readonly zeroDetect: Call;
}

/** Throws when the library is not there. */
export function loadIsal(): Isal {
  // DEEPBIND: Node 20's own OpenSSL exports a gf_mul, which the library's calls of its own gf_mul would end up in.
  const library = koffi.load("libisal.so.2", { deep: true });
  const call = (name: string, ...args: string[]): Call => library.func(name, "int", args) as Call;
  return {
    xorGen: call("xor_gen", "int", "int", "uintptr_t"),
    pqGen: call("pq_gen", "int", "int", "uintptr_t"),
    ecEncodeData: call("ec_encode_data", "int", "int", "int", "uintptr_t", "uintptr_t", "uintptr_t"),
    ecInitTables: call("ec_init_tables", "int", "int", "uintptr_t", "uintptr_t"),
    zeroDetect: call("isal_zero_detect", "uintptr_t", "size_t"),
  };
}

/** Memory that stays where it is, and its address. */
interface Memory {
  readonly bytes: Uint8Array;
  readonly addr: number;
}

/** Of one set: the addresses of the lists of addresses that the functions take. */
export interface Lists {
  readonly xor: number;
  readonly pq: number;
  /** For each piece of a block: where recomputed sums go, and what is compared with what. */
  readonly checks: readonly { readonly gen: number; readonly compare: number }[];
  readonly forRecovery: number;
  readonly recovered: number;
}

/** Sets of blocks in memory, as the library's functions want them. */
export class IsalSets {
  /** Where the difference is after a comparison. */
  difference = 0;
  checkBytes = 0;
  disks = 0;
  blockBytes = 0;
  /** The tables for both rows of a recovery. */
  recoveryTables = 0;
  readonly #isal: Isal;
  #memory: Memory[] = [];
  #lists: Lists[] = [];
  #next = 0;

  constructor(isal: Isal) {
    this.#isal = isal;
  }

  prepare(sets: number, disks: number, blockBytes: number): void {
    this.disks = disks;
    this.blockBytes = blockBytes;
    this.checkBytes = Math.min(CHECK_BYTES, blockBytes);
    const dyCoefs = recoveryCoefs(disks);
    // The first data disk is the xor of all others, P and the second one: add 1 for each of them.
    const dxCoefs = dyCoefs.map((coef, i) => (i === disks - 1 ? coef : coef ^ 1));
    const coefs = this.#alloc(2 * disks);
    coefs.bytes.set([...dxCoefs, ...dyCoefs]);
    this.recoveryTables = this.#alloc(32 * 2 * disks).addr;
    this.#isal.ecInitTables(disks, 2, coefs.addr, this.recoveryTables);

    const scratch = this.#alloc(3 * CHECK_BYTES).addr;
    const [p2, q2] = [scratch, scratch + CHECK_BYTES];
    this.difference = scratch + 2 * CHECK_BYTES;
    const pieces = Array.from({ length: blockBytes / this.checkBytes }, (_, k) => k * this.checkBytes);
    for (let i = 0; i < sets; i++) {
      const set = this.#alloc((disks + 4) * blockBytes);
      fill(set.bytes, i);
      const block = (k: number): number => set.addr + k * blockBytes;
      const data = Array.from({ length: disks }, (_, k) => block(k));
      const [p, q, dx, dy] = [block(disks), block(disks + 1), block(disks + 2), block(disks + 3)];
      this.#lists.push({
        xor: this.#list([...data, p]),
        pq: this.#list([...data, p, q]),
        checks: pieces.map((at) => ({
          gen: this.#list([...data.map((addr) => addr + at), p2, q2]),
          compare: this.#list([q + at, q2, this.difference]),
        })),
        forRecovery: this.#list([...data.slice(2), p, q]),
        recovered: this.#list([dx, dy]),
      });
    }
    this.#next = 0;
  }

  /** The next set in turn. */
  next(): Lists {
    const lists = this.#lists[this.#next] as Lists;
    this.#next = this.#next + 1 === this.#lists.length ? 0 : this.#next + 1;
    return lists;
  }

  release(): void {
    this.#memory = [];
    this.#lists = [];
  }

  #list(addrs: readonly number[]): number {
    const { bytes, addr } = this.#alloc(8 * addrs.length);
    new BigUint64Array(bytes.buffer, bytes.byteOffset, addrs.length).set(addrs.map(BigInt));
    return addr;
  }

  /** Aligned memory that lives until {@link release}: blocks at a page, what is small at a cache line. */
  #alloc(sizeBytes: number): Memory {
    const align = sizeBytes < 4096 ? 64 : 4096;
    const buffer = new SharedArrayBuffer(sizeBytes + align);
    const start = Number(koffi.address(new Uint8Array(buffer)));
    const at = (align - (start % align)) % align;
    const memory = { bytes: new Uint8Array(buffer, at, sizeBytes), addr: start + at };
    this.#memory.push(memory);
    return memory;
  }
}
