import { DmaTransResult } from "@dmaengine/core";
import type { ChannelHost, DmaTx, DriverChannel } from "@dmaengine/core/driver";
import { type CpuOperation, type CpuTx, execute, residueBytesOf } from "./execute.js";
import type { Kernels } from "./kernels/kernels.js";
import { type Bus, Operands } from "./operands.js";

/** The queue has a place for every descriptor of the channel, so a prep call never finds it full. */
const hasRoom = (): boolean => true;

/** The driver's half of the channel: a queue of submitted transactions that {@link issuePending} carries out on the spot. */
export class CpuChannel implements DriverChannel<CpuOperation> {
  readonly prepMemcpy = hasRoom;
  readonly prepMemset = hasRoom;
  readonly prepXor = hasRoom;
  readonly prepXorVal = hasRoom;
  readonly prepPq = hasRoom;
  readonly prepPqVal = hasRoom;
  readonly prepInterrupt = hasRoom;
  readonly #host: ChannelHost;
  readonly #kernels: Kernels;
  readonly #operands: Operands;
  /** Submitted and not issued: `#queued` transactions from `#head` on, going round at the end. */
  readonly #queue: (DmaTx | null)[];
  #head = 0;
  #queued = 0;

  constructor(host: ChannelHost, bus: Bus, kernels: Kernels) {
    this.#host = host;
    this.#kernels = kernels;
    this.#operands = new Operands(bus);
    this.#queue = new Array<null>(host.ringSize).fill(null);
  }

  submit(tx: DmaTx): void {
    this.#queue[(this.#head + this.#queued) % this.#queue.length] = tx;
    this.#queued += 1;
  }

  issuePending(): void {
    while (this.#queued > 0) {
      const tx = this.#queue[this.#head] as CpuTx;
      this.#queue[this.#head] = null;
      this.#head = (this.#head + 1) % this.#queue.length;
      this.#queued -= 1;
      const result = execute(tx, this.#operands, this.#kernels);
      this.#host.complete(tx, result, result === DmaTransResult.NOERROR ? 0 : residueBytesOf(tx));
    }
    // It starts again where it is in the processor's cache.
    this.#head = 0;
    this.#operands.release();
  }

  /** There is nothing to find: what was issued is complete already. */
  poll(): void {}

  /** Waiting doesn't help: what is not complete was not issued. */
  relax(): boolean {
    return false;
  }

  terminateAll(): void {
    this.#queue.fill(null);
    this.#queued = 0;
  }
}
