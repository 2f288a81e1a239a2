import {
  type BlockLimits,
  DMA_CTRL_ACK,
  DMA_PREP_CONTINUE,
  DMA_PREP_FENCE,
  DMA_PREP_PQ_DISABLE_P,
  DMA_PREP_PQ_DISABLE_Q,
  type DmaAddr,
  type DmaChan,
  type DmaCookie,
  DmaDirection,
  dmaMaxPq,
  gfExp,
  gfInv,
  gfMul,
} from "@dmaengine/core";
import type { Bench } from "../bench.js";
import { nearestLength } from "../layout.js";
import type { Section } from "./section.js";

/**
 * Array sizes of the kernel's crypto/async_tx/raid6test.c: 4 and 5 are special cases of recovery, 11 and 12 cross the limit of sources of one
 * descriptor, 16 needs it several times over.
 */
const ARRAY_SIZES = [4, 5, 11, 12, 16];

export const recovery: Section = {
  title: "RAID-6 recovery",
  cases: ARRAY_SIZES.map((disks) => ({
    title: `every pair of ${disks} disks`,
    needs: "pq",
    async run(bench: Bench) {
      for (const device of bench.devicesWith("pq")) {
        const { pq } = device.capabilities;
        if (pq?.fixedCoefs !== undefined) {
          bench.skip("lacks coefficients that recovery needs");
        }
        if (pq === undefined || pq.maxSources < 2 || dmaMaxPq(pq, DMA_PREP_CONTINUE) < 1) {
          bench.skip("has too few sources to continue a sum");
        }
        const array = new Raid6(bench, bench.request(device, "pq"), pq, disks);
        for (let y = 1; y < disks; y++) {
          for (let x = 0; x < y; x++) await array.loseAndRecover(x, y);
        }
      }
    },
  })),
};

/** An array of one block for each disk, the data first, then P, then Q. All arithmetic on blocks is the engine's. */
class Raid6 {
  readonly #bench: Bench;
  readonly #chan: DmaChan<"pq">;
  readonly #disks: readonly Uint8Array[];
  /** What the disks hold while all is well. */
  readonly #intact: readonly Uint8Array[];
  readonly #lengthBytes: number;
  #addrs: readonly DmaAddr[] = [];
  #cookie: DmaCookie | null = null;

  constructor(bench: Bench, chan: DmaChan<"pq">, limits: BlockLimits, disks: number) {
    this.#bench = bench;
    this.#chan = chan;
    this.#lengthBytes = nearestLength(limits, 64);
    this.#disks = Array.from({ length: disks }, () => new Uint8Array(this.#lengthBytes));
    const [p, q] = [this.#disks[disks - 2]!, this.#disks[disks - 1]!];
    this.#data.forEach((disk) => {
      const block = this.#disks[disk]!;
      bench.random.fill(block);
      block.forEach((byte, at) => {
        p[at]! ^= byte;
        q[at]! ^= gfMul(gfExp(disk), byte);
      });
    });
    this.#intact = this.#disks.map((block) => block.slice());
  }

  /** Loses two disks, `x` before `y`, and has the engine make them again from the others. */
  async loseAndRecover(x: number, y: number): Promise<void> {
    for (const lost of [x, y]) this.#disks[lost]!.fill(0x5f);
    const { device } = this.#chan;
    this.#addrs = this.#disks.map((block) => device.mapSingle(block, DmaDirection.BIDIRECTIONAL));
    await this.#recover(x, y);
    if (this.#cookie !== null) await this.#bench.settle(this.#chan, this.#cookie);
    for (const addr of this.#addrs) {
      device.unmapSingle(addr, this.#lengthBytes, DmaDirection.BIDIRECTIONAL);
    }
    this.#disks.forEach((block, disk) => {
      const wrong = block.findIndex((byte, at) => byte !== this.#intact[disk]![at]);
      if (wrong < 0) return;
      this.#bench.problem(
        `${this.#chan.name}: lost disks ${x} and ${y} of ${this.#disks.length}, and byte ${wrong} of disk ${disk} is wrong afterwards`,
      );
      block.set(this.#intact[disk]!);
    });
  }

  /** H. Peter Anvin, "The mathematics of RAID-6", section 4, in steps that an engine can do. */
  async #recover(x: number, y: number): Promise<void> {
    const q = this.#disks.length - 1;
    const p = q - 1;
    const survivors = this.#data.filter((disk) => disk !== x && disk !== y);
    if (x === p && y === q) {
      await this.#sum(p, q, this.#data, this.#data.map(gfExp));
    } else if (y === q) {
      await this.#sum(
        x,
        null,
        [...survivors, p],
        [...survivors, p].map(() => 1),
      );
      await this.#sum(null, q, this.#data, this.#data.map(gfExp));
    } else if (y === p) {
      await this.#sum(null, x, [...survivors, q], [...survivors.map(gfExp), 1]);
      await this.#sum(null, x, [x], [gfExp(-x)]);
      await this.#sum(
        p,
        null,
        this.#data,
        this.#data.map(() => 1),
      );
    } else {
      const a = gfInv(gfExp(y - x) ^ 1);
      const b = gfInv(gfExp(x) ^ gfExp(y));
      if (survivors.length > 0) {
        await this.#sum(x, y, survivors, survivors.map(gfExp));
        await this.#sum(x, null, [x, p], [1, 1]);
        await this.#sum(y, null, [y, q], [1, 1]);
        await this.#sum(null, y, [x, y], [a, b]);
      } else {
        await this.#sum(x, null, [p], [1]);
        await this.#sum(null, y, [p, q], [a, b]);
      }
      await this.#sum(x, null, [x, y], [1, 1]);
    }
  }

  /** P and Q of some disks, in as many transactions as it takes. None waits for the one before it: that is what the fence is for. */
  async #sum(
    p: number | null,
    q: number | null,
    disks: readonly number[],
    coefs: readonly number[],
  ): Promise<void> {
    const outputs = (p === null ? DMA_PREP_PQ_DISABLE_P : 0) | (q === null ? DMA_PREP_PQ_DISABLE_Q : 0);
    for (let from = 0; from < disks.length; ) {
      const flags = outputs | DMA_PREP_FENCE | DMA_CTRL_ACK | (from > 0 ? DMA_PREP_CONTINUE : 0);
      const count = Math.min(disks.length - from, dmaMaxPq(this.#chan.limits.pq, flags));
      const tx = this.#chan.prepPq(
        p === null ? 0 : this.#addrs[p]!,
        q === null ? 0 : this.#addrs[q]!,
        disks.slice(from, from + count).map((disk) => this.#addrs[disk]!),
        count,
        coefs.slice(from, from + count),
        this.#lengthBytes,
        flags,
      );
      if (tx !== null) {
        this.#cookie = tx.submit();
        from += count;
      } else {
        if (this.#cookie === null)
          throw new Error(`${this.#chan.name}: prep returned null although nothing is in flight`);
        await this.#bench.settle(this.#chan, this.#cookie);
        this.#cookie = null;
      }
    }
  }

  get #data(): number[] {
    return Array.from({ length: this.#disks.length - 2 }, (_, disk) => disk);
  }
}
