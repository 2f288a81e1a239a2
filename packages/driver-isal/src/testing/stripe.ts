import {
  DMA_CTRL_ACK,
  DMA_PREP_PQ_DISABLE_P,
  DMA_PREP_PQ_DISABLE_Q,
  type DmaChan,
  DmaDirection,
  type DmaDriver,
  DmaEngine,
  DmaStatus,
  type DmaTxDescriptor,
  SumCheck,
} from "@dmaengine/core";

/** Blocks in one piece of mapped memory, and the channel of an engine to work on them. Blocks are named by their number. */
export class Stripe {
  readonly memory: Uint8Array;
  /** How much of each block operations work on. */
  lengthBytes: number;
  readonly #engine: DmaEngine;
  readonly #driver: DmaDriver;
  readonly #chan: DmaChan<"xor" | "xorVal" | "pq" | "pqVal">;
  readonly #base: number;
  readonly #strideBytes: number;

  private constructor(engine: DmaEngine, driver: DmaDriver, blocks: number, strideBytes: number) {
    this.#engine = engine;
    this.#driver = driver;
    this.#strideBytes = strideBytes;
    this.lengthBytes = strideBytes;
    this.#chan = engine.requestChannel(["xor", "xorVal", "pq", "pqVal"]);
    this.memory = this.#chan.device.alloc(blocks * strideBytes, 64);
    this.#base = this.#chan.device.mapSingle(this.memory, DmaDirection.BIDIRECTIONAL);
  }

  /** Blocks start `strideBytes` apart, the first one at a multiple of 64. */
  static async open(driver: DmaDriver, blocks: number, strideBytes: number): Promise<Stripe> {
    const engine = new DmaEngine();
    await engine.register(driver);
    return new Stripe(engine, driver, blocks, strideBytes);
  }

  async close(): Promise<void> {
    this.#chan.device.unmapSingle(this.#base, this.memory.length, DmaDirection.BIDIRECTIONAL);
    this.#chan.device.free(this.memory);
    this.#chan.release();
    await this.#engine.unregister(this.#driver);
  }

  block(i: number): Uint8Array {
    const start = i * this.#strideBytes;
    return this.memory.subarray(start, start + this.lengthBytes);
  }

  xor(dst: number, srcs: readonly number[]): Promise<void> {
    return this.#run(this.#chan.prepXor(this.#addr(dst), this.#addrs(srcs), srcs.length, this.lengthBytes));
  }

  async xorVal(srcs: readonly number[]): Promise<number> {
    const verdict = new SumCheck();
    await this.#run(this.#chan.prepXorVal(this.#addrs(srcs), srcs.length, this.lengthBytes, verdict));
    return verdict.flags;
  }

  /** P or Q is left out where it is null. */
  pq(
    p: number | null,
    q: number | null,
    srcs: readonly number[],
    coefs: ArrayLike<number>,
    flags = 0,
  ): Promise<void> {
    const all = DMA_CTRL_ACK | disabled(p, q) | flags;
    const addrs = this.#addrs(srcs);
    const { length } = srcs;
    return this.#run(
      this.#chan.prepPq(this.#addr(p), this.#addr(q), addrs, length, coefs, this.lengthBytes, all),
    );
  }

  async pqVal(
    p: number | null,
    q: number | null,
    srcs: readonly number[],
    coefs: ArrayLike<number>,
  ): Promise<number> {
    const verdict = new SumCheck();
    const all = DMA_CTRL_ACK | disabled(p, q);
    const addrs = this.#addrs(srcs);
    const { length } = srcs;
    await this.#run(
      this.#chan.prepPqVal(
        this.#addr(p),
        this.#addr(q),
        addrs,
        length,
        coefs,
        this.lengthBytes,
        verdict,
        all,
      ),
    );
    return verdict.flags;
  }

  #addr(i: number | null): number {
    return this.#base + (i ?? 0) * this.#strideBytes;
  }

  #addrs(blocks: readonly number[]): number[] {
    return blocks.map((i) => this.#addr(i));
  }

  async #run(tx: DmaTxDescriptor | null): Promise<void> {
    if (tx === null) throw new Error("the channel is full");
    const status = await this.#chan.syncWait(tx.submit());
    if (status !== DmaStatus.COMPLETE) throw new Error(`the transaction ended with status ${status}`);
  }
}

function disabled(p: number | null, q: number | null): number {
  return (p === null ? DMA_PREP_PQ_DISABLE_P : 0) | (q === null ? DMA_PREP_PQ_DISABLE_Q : 0);
}
