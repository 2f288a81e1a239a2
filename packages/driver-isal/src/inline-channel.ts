import { DmaTransResult } from "@dmaengine/core";
import type { ChannelHost, DmaTx, DriverChannel } from "@dmaengine/core/driver";
import type { Executor } from "./execute.js";
import type { Library } from "./library.js";
import type { RealDomain } from "./real-domain.js";
import { type IsalOperation, type IsalTx, Requests } from "./request.js";
import { Ring } from "./ring.js";

/** The ring has a slot for every descriptor of the channel, so a prep call never finds it full. */
const hasRoom = (): boolean => true;

/** The driver's half of a channel without a thread: {@link issuePending} has the library do what is in the ring on the spot. */
export class InlineChannel implements DriverChannel<IsalOperation> {
  readonly prepXor = hasRoom;
  readonly prepXorVal = hasRoom;
  readonly prepPq = hasRoom;
  readonly prepPqVal = hasRoom;
  readonly #host: ChannelHost;
  readonly #requests: Requests;
  readonly #executor: Executor;
  /** Submitted and not issued: `#queued` transactions from slot `#head` on, going round at the end. */
  readonly #txs: (IsalTx | null)[];
  #head = 0;
  #queued = 0;

  constructor(host: ChannelHost, domain: RealDomain, library: Library) {
    const ring = new Ring(host.ringSize);
    this.#host = host;
    this.#requests = new Requests(ring, domain);
    this.#executor = library.executor(ring);
    this.#txs = new Array<null>(ring.size).fill(null);
  }

  submit(tx: DmaTx): void {
    const slot = (this.#head + this.#queued) % this.#txs.length;
    this.#txs[slot] = tx as IsalTx;
    this.#requests.write(slot, tx as IsalTx);
    this.#queued += 1;
  }

  issuePending(): void {
    while (this.#queued > 0) {
      const slot = this.#head;
      const tx = this.#take();
      this.#executor.execute(slot);
      const result = this.#requests.resultOf(slot, tx);
      this.#requests.release(slot);
      this.#host.complete(tx, result, result === DmaTransResult.NOERROR ? 0 : tx.args.lengthBytes);
    }
    // It starts again where it is in the processor's cache.
    this.#head = 0;
  }

  /** There is nothing to find: what was issued is complete already. */
  poll(): void {}

  /** Waiting doesn't help: what is not complete was not issued. */
  relax(): boolean {
    return false;
  }

  terminateAll(): void {
    while (this.#queued > 0) {
      this.#requests.release(this.#head);
      this.#take();
    }
  }

  /** The oldest transaction, which is no longer in the queue. */
  #take(): IsalTx {
    const slot = this.#head;
    const tx = this.#txs[slot] as IsalTx;
    this.#txs[slot] = null;
    this.#head = (slot + 1) % this.#txs.length;
    this.#queued -= 1;
    return tx;
  }
}
