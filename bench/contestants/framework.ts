import {
  DMA_CTRL_ACK,
  DMA_PREP_PQ_DISABLE_P,
  type DmaAddr,
  type DmaChan,
  type DmaCookie,
  DmaDirection,
  DmaEngine,
  DmaStatus,
  type DmaTxDescriptor,
  gfExp,
  gfInv,
  gfMul,
  SumCheck,
} from "@dmaengine/core";
import { type CpuOptions, cpu } from "@dmaengine/driver-cpu/node";

const OPERATIONS = ["xor", "pq", "pqVal"] as const;
type Chan = DmaChan<(typeof OPERATIONS)[number]>;

/** What is measured. A recovery is of two data disks, from all others. */
export const WORK = ["xor", "P+Q", "Q check", "recover"] as const;
export type Work = (typeof WORK)[number];

/** Transactions that a channel is given at a time. */
const BATCH = 64;

/** One stripe: addresses of its data, P and Q, and room for what is recovered. */
interface Stripe {
  readonly data: readonly DmaAddr[];
  readonly p: DmaAddr;
  readonly q: DmaAddr;
  readonly dx: DmaAddr;
  readonly dy: DmaAddr;
  /** Sources of the two halves of a recovery. */
  readonly forDy: readonly DmaAddr[];
  readonly forDx: readonly DmaAddr[];
}

/** The software engine in one of its configurations, and stripes for it to work on. */
export class Contestant {
  readonly name: string;
  readonly #chans: readonly Chan[];
  readonly #memory: Uint8Array[] = [];
  #stripes: Stripe[] = [];
  /** Coefficients of a stripe, and those of a recovery. */
  #powers = new Uint8Array(0);
  #recoveryCoefs = new Uint8Array(0);
  #next = 0;
  readonly #verdict = new SumCheck();

  private constructor(name: string, chans: readonly Chan[]) {
    this.name = name;
    this.#chans = chans;
  }

  static async open(name: string, options: CpuOptions): Promise<Contestant> {
    const engine = new DmaEngine();
    await engine.register(cpu(options));
    const chans = Array.from({ length: options.workers || 1 }, () => engine.requestChannel(OPERATIONS));
    return new Contestant(name, chans);
  }

  /** Makes `count` stripes of `disks` data disks. */
  prepare(count: number, disks: number, blockBytes: number): void {
    const { device } = this.#chans[0] as Chan;
    this.#powers = Uint8Array.from({ length: disks }, (_, i) => gfExp(i));
    this.#recoveryCoefs = recoveryCoefs(disks);
    for (let i = 0; i < count; i++) {
      const memory = device.alloc((disks + 4) * blockBytes, 4096);
      for (let at = 0; at < memory.length; at += 61) memory[at] = at * 7 + i;
      const base = device.mapSingle(memory, DmaDirection.BIDIRECTIONAL);
      const block = (k: number): DmaAddr => base + k * blockBytes;
      const data = Array.from({ length: disks }, (_, k) => block(k));
      const [p, q, dx, dy] = [block(disks), block(disks + 1), block(disks + 2), block(disks + 3)];
      const rest = data.slice(2);
      this.#memory.push(memory);
      this.#stripes.push({ data, p, q, dx, dy, forDy: [...rest, p, q], forDx: [...rest, p, dy] });
    }
    this.#next = 0;
  }

  /** Gives the stripes back. */
  release(): void {
    const { device } = this.#chans[0] as Chan;
    for (const [i, memory] of this.#memory.entries()) {
      const base = (this.#stripes[i] as Stripe).data[0] as DmaAddr;
      device.unmapSingle(base, memory.length, DmaDirection.BIDIRECTIONAL);
      device.free(memory);
    }
    this.#memory.length = 0;
    this.#stripes = [];
  }

  /** Does `batches` batches on each channel, with the next one submitted before the last one is waited for. */
  async run(work: Work, blockBytes: number, batches: number): Promise<void> {
    let waiting: readonly DmaCookie[] = [];
    for (let i = 0; i < batches; i++) {
      const cookies = this.#chans.map((chan) => this.#submit(chan, work, blockBytes));
      await this.#wait(waiting);
      waiting = cookies;
    }
    await this.#wait(waiting);
  }

  /** How many operations that is. */
  operations(batches: number): number {
    return batches * BATCH * this.#chans.length;
  }

  async #wait(cookies: readonly DmaCookie[]): Promise<void> {
    for (const [i, cookie] of cookies.entries()) {
      const status = await (this.#chans[i] as Chan).syncWait(cookie);
      if (status !== DmaStatus.COMPLETE) throw new Error(`${this.name}: an operation failed`);
    }
  }

  #submit(chan: Chan, work: Work, blockBytes: number): DmaCookie {
    let cookie = 0;
    for (let i = 0; i < BATCH; i++) {
      const stripe = this.#stripes[this.#next] as Stripe;
      this.#next = this.#next + 1 === this.#stripes.length ? 0 : this.#next + 1;
      cookie = this.#prepare(chan, work, stripe, blockBytes).submit();
    }
    chan.issuePending();
    return cookie;
  }

  #prepare(chan: Chan, work: Work, stripe: Stripe, blockBytes: number): DmaTxDescriptor {
    const { data, p, q } = stripe;
    const { length } = data;
    switch (work) {
      case "xor":
        return must(chan.prepXor(p, data, length, blockBytes));
      case "P+Q":
        return must(chan.prepPq(p, q, data, length, this.#powers, blockBytes));
      case "Q check": {
        const flags = DMA_CTRL_ACK | DMA_PREP_PQ_DISABLE_P;
        return must(chan.prepPqVal(p, q, data, length, this.#powers, blockBytes, this.#verdict, flags));
      }
      case "recover":
        return this.#recover(chan, stripe, blockBytes);
    }
  }

  /** Data disks 0 and 1: the second one is a sum of products of all others, P and Q; the first one then follows from P. */
  #recover(chan: Chan, { p, dx, dy, forDy, forDx }: Stripe, blockBytes: number): DmaTxDescriptor {
    const flags = DMA_CTRL_ACK | DMA_PREP_PQ_DISABLE_P;
    must(chan.prepPq(p, dy, forDy, forDy.length, this.#recoveryCoefs, blockBytes, flags)).submit();
    return must(chan.prepXor(dx, forDx, forDx.length, blockBytes));
  }
}

function must(tx: DmaTxDescriptor | null): DmaTxDescriptor {
  if (tx === null) throw new Error("the channel is full");
  return tx;
}

/** With x = 0 and y = 1: `dy = Q * b + P * b + Σ data[i] * (b * 2^i + b)`, where `b = 1 / (1 + 2)`. */
function recoveryCoefs(disks: number): Uint8Array<ArrayBuffer> {
  const b = gfInv(gfExp(0) ^ gfExp(1));
  const rest = Array.from({ length: disks - 2 }, (_, i) => gfMul(b, gfExp(i + 2)) ^ b);
  return Uint8Array.of(...rest, b, b);
}
