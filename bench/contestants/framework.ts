import {
  DMA_CTRL_ACK,
  DMA_PREP_PQ_DISABLE_P,
  type DmaAddr,
  type DmaChan,
  type DmaCookie,
  DmaDirection,
  type DmaDriver,
  DmaEngine,
  DmaStatus,
  type DmaTxDescriptor,
  gfExp,
  gfInv,
  gfMul,
  SumCheck,
} from "@dmaengine/core";
import { type Contestant, fill, type Work } from "./contestant.js";

const OPERATIONS = ["xor", "pq", "pqVal"] as const;
type Chan = DmaChan<(typeof OPERATIONS)[number]>;

/** Transactions that a channel is given at a time. */
const BATCH = 64;
/** Batches of a channel at a time: one that is waited for, and two behind it, so that the engine has work while the client wakes up. */
const BATCHES = 3;
/** The ring that a driver needs for them, with two transactions for a recovery. */
export const RING_SIZE = 2 * BATCHES * BATCH;

/** One set: addresses of its data, P and Q, and room for what is recovered. */
interface Stripe {
  readonly memory: Uint8Array;
  readonly data: readonly DmaAddr[];
  readonly p: DmaAddr;
  readonly q: DmaAddr;
  readonly dx: DmaAddr;
  readonly dy: DmaAddr;
  /** Sources of the two halves of a recovery. */
  readonly forDy: readonly DmaAddr[];
  readonly forDx: readonly DmaAddr[];
}

/** A channel and the sets that nobody but it works on. */
interface Lane {
  readonly chan: Chan;
  readonly stripes: Stripe[];
  next: number;
}

/** A driver, through the framework. Its memory is mapped once. */
export class Framework implements Contestant {
  readonly name: string;
  readonly batch: number;
  readonly #lanes: readonly Lane[];
  #blockBytes = 0;
  /** Coefficients of a stripe, and those of a recovery. */
  #powers = new Uint8Array(0);
  #recoveryCoefs = new Uint8Array(0);
  readonly #verdict = new SumCheck();

  private constructor(name: string, chans: readonly Chan[]) {
    this.name = name;
    this.batch = BATCH * chans.length;
    this.#lanes = chans.map((chan) => ({ chan, stripes: [], next: 0 }));
  }

  /** Takes so many channels of the driver, whose ring is {@link RING_SIZE} long. */
  static async open(name: string, driver: DmaDriver, channels = 1): Promise<Framework> {
    const engine = new DmaEngine();
    await engine.register(driver);
    return new Framework(
      name,
      Array.from({ length: channels }, () => engine.requestChannel(OPERATIONS)),
    );
  }

  can(): boolean {
    return true;
  }

  prepare(sets: number, disks: number, blockBytes: number): void {
    this.#blockBytes = blockBytes;
    this.#powers = Uint8Array.from({ length: disks }, (_, i) => gfExp(i));
    this.#recoveryCoefs = recoveryCoefs(disks);
    for (const lane of this.#lanes) {
      const { device } = lane.chan;
      for (let i = 0; i < Math.ceil(sets / this.#lanes.length); i++) {
        const memory = device.alloc((disks + 4) * blockBytes, 4096);
        fill(memory, i);
        const base = device.mapSingle(memory, DmaDirection.BIDIRECTIONAL);
        const block = (k: number): DmaAddr => base + k * blockBytes;
        const data = Array.from({ length: disks }, (_, k) => block(k));
        const [p, q, dx, dy] = [block(disks), block(disks + 1), block(disks + 2), block(disks + 3)];
        const rest = data.slice(2);
        lane.stripes.push({ memory, data, p, q, dx, dy, forDy: [...rest, p, q], forDx: [...rest, p, dy] });
      }
      lane.next = 0;
    }
  }

  release(): void {
    for (const { chan, stripes } of this.#lanes) {
      for (const { memory, data } of stripes.splice(0)) {
        chan.device.unmapSingle(data[0] as DmaAddr, memory.length, DmaDirection.BIDIRECTIONAL);
        chan.device.free(memory);
      }
    }
  }

  /** A lane takes the next batch when it has room: the worker that shares a processor with the client gets less done than the others. */
  async run(work: Work, operations: number): Promise<void> {
    let left = Math.ceil(operations / BATCH);
    const drive = async (lane: Lane): Promise<void> => {
      const cookies: DmaCookie[] = [];
      while (left > 0) {
        left -= 1;
        cookies.push(this.#submit(lane, work));
        // The await also lets the other lanes have their first ones in turn.
        await (cookies.length === BATCHES && this.#wait(lane, cookies.shift() as DmaCookie));
      }
      for (const cookie of cookies) await this.#wait(lane, cookie);
    };
    await Promise.all(this.#lanes.map(drive));
  }

  async #wait({ chan }: Lane, cookie: DmaCookie): Promise<void> {
    const status = await chan.syncWait(cookie);
    if (status === DmaStatus.COMPLETE) return;
    throw new Error(`${this.name}: an operation ended with status ${status}`);
  }

  #submit(lane: Lane, work: Work): DmaCookie {
    let cookie = 0;
    for (let i = 0; i < BATCH; i++) {
      const stripe = lane.stripes[lane.next] as Stripe;
      lane.next = lane.next + 1 === lane.stripes.length ? 0 : lane.next + 1;
      cookie = this.#prepare(lane.chan, work, stripe).submit();
    }
    lane.chan.issuePending();
    return cookie;
  }

  #prepare(chan: Chan, work: Work, stripe: Stripe): DmaTxDescriptor {
    const { data, p, q } = stripe;
    const { length } = data;
    switch (work) {
      case "xor":
        return must(chan.prepXor(p, data, length, this.#blockBytes));
      case "P+Q":
        return must(chan.prepPq(p, q, data, length, this.#powers, this.#blockBytes));
      case "Q check": {
        const flags = DMA_CTRL_ACK | DMA_PREP_PQ_DISABLE_P;
        const verdict = this.#verdict;
        return must(chan.prepPqVal(p, q, data, length, this.#powers, this.#blockBytes, verdict, flags));
      }
      case "recover":
        return this.#recover(chan, stripe);
    }
  }

  /** Data disks 0 and 1: the second one is a sum of products of all others, P and Q; the first one then follows from P. */
  #recover(chan: Chan, { p, dx, dy, forDy, forDx }: Stripe): DmaTxDescriptor {
    const flags = DMA_CTRL_ACK | DMA_PREP_PQ_DISABLE_P;
    must(chan.prepPq(p, dy, forDy, forDy.length, this.#recoveryCoefs, this.#blockBytes, flags)).submit();
    return must(chan.prepXor(dx, forDx, forDx.length, this.#blockBytes));
  }
}

function must(tx: DmaTxDescriptor | null): DmaTxDescriptor {
  if (tx === null) throw new Error("the channel is full");
  return tx;
}

/**
 * Coefficients of the second data disk as a sum of products: of data disks 2 and up, P and Q. With x = 0 and y = 1 it is
 * `dy = Q * b + P * b + Σ data[i] * (b * 2^i + b)`, where `b = 1 / (1 + 2)`.
 */
export function recoveryCoefs(disks: number): Uint8Array<ArrayBuffer> {
  const b = gfInv(gfExp(0) ^ gfExp(1));
  const rest = Array.from({ length: disks - 2 }, (_, i) => gfMul(b, gfExp(i + 2)) ^ b);
  return Uint8Array.of(...rest, b, b);
}
