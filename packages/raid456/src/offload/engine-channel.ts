import { type Candidate, type DmaCookie, type DmaDevice, DmaStatus } from "@dmaengine/core";
import { canDo, canDoEverything, hindrance } from "./ability.js";
import { nextTurn } from "./next-turn.js";
import type { PageOp } from "./page-op.js";
import type { RaidChan } from "./transactions.js";

/**
 * One channel that the plan uses: what it has in flight, how it is polled, and whether it can be relied on.
 *
 * It is polled once for all that was handed in during one turn of the event loop, and again for what was handed in meanwhile; no interrupt
 * is asked for.
 */
export class EngineChannel implements Candidate {
  readonly chan: RaidChan;
  readonly device: DmaDevice;
  readonly name: string;
  /** Legs that were given to it, page operations in them, and legs that failed. */
  legs = 0;
  operations = 0;
  failures = 0;
  /** Where it failed: it is passed over until the offload has carried out more chains than this. */
  restsUntil = 0;
  /** Whether it can use the mappings that pages have at home. */
  isNear = false;
  /** Called when the channel hangs, before it is reset. */
  onHang: () => void = () => {};
  readonly #doesEverything: boolean;
  #running = 0;
  #inFlight = 0;
  #last: DmaCookie = 0;
  #polling = false;
  #released = false;
  readonly #waitingForRoom: (() => void)[] = [];
  readonly #waitingForIdle: (() => void)[] = [];

  /** @param pages - how many a stripe has */
  constructor(chan: RaidChan, pages: number) {
    this.chan = chan;
    this.device = chan.device;
    this.name = chan.name;
    this.#doesEverything = canDoEverything(chan.device, pages);
  }

  /** Transactions on the channel, whoever submitted them. */
  get inFlight(): number {
    return this.chan.inFlight;
  }

  /** How many operations of a chain, from the one at `from` on, it can do in a row. */
  reach(chain: readonly PageOp[], from: number): number {
    if (this.#doesEverything) return chain.length - from;
    let to = from;
    while (to < chain.length && canDo(this.device, chain[to] as PageOp)) to += 1;
    return to - from;
  }

  /** Whether an operation that it can do need not be done in parts. */
  doesAsItStands(op: PageOp): boolean {
    return this.#doesEverything || hindrance(this.device, op) === null;
  }

  /** A leg begins, and has to {@link leave} when nothing of it is in flight any more. */
  enter(operations: number): void {
    this.legs += 1;
    this.operations += operations;
    this.#running += 1;
  }

  leave(): void {
    this.#running -= 1;
    this.#checkIdle();
  }

  /** Resolves when no leg is on the channel, and nobody polls it. */
  async idle(): Promise<void> {
    if (this.#running === 0 && !this.#polling) return;
    await new Promise<void>((resolve) => this.#waitingForIdle.push(resolve));
  }

  /** A transaction was submitted: sees to it that its end is found out. */
  submitted(cookie: DmaCookie): void {
    const { chan } = this;
    this.#last = cookie;
    this.#inFlight += 1;
    // An idle engine starts with the first while the pages of the next are made ready.
    if (chan.inFlight === 1) chan.issuePending();
    // One that works within that call is idle again.
    if (this.#polling || chan.inFlight === 0) return;
    this.#polling = true;
    // When the event loop has been round: the stripes whose member I/O ends in the same turn belong to one batch.
    nextTurn(() => void this.#pollUntilIdle());
  }

  /** One of them has ended. */
  ended(): void {
    this.#inFlight -= 1;
    if (this.#waitingForRoom.length > 0) for (const goOn of this.#waitingForRoom.splice(0)) goOn();
  }

  /** Calls back when a full channel may have room again. */
  whenRoom(goOn: () => void): void {
    if (this.#inFlight > 0) this.#waitingForRoom.push(goOn);
    // It is full of somebody else's transactions.
    else nextTurn(goOn);
  }

  /** Gives the channel up. No leg may be on it. */
  release(): void {
    this.#released = true;
    this.chan.release();
  }

  async #pollUntilIdle(): Promise<void> {
    const { chan } = this;
    for (;;) {
      const polled = this.#last;
      const status = await this.#wait(polled);
      if (this.#released) return;
      if (chan.hung) {
        this.onHang();
        chan.reset();
      } else if (polled === this.#last) {
        // Waiting ends after some seconds, too, where a channel is only slow.
        if (status !== DmaStatus.ERROR || chan.txStatus(polled) !== DmaStatus.IN_PROGRESS) break;
      }
    }
    this.#polling = false;
    this.#checkIdle();
  }

  async #wait(cookie: DmaCookie): Promise<DmaStatus> {
    try {
      return await this.chan.syncWait(cookie);
    } catch {
      // Its driver has failed at polling, so it is as good as hung.
      return DmaStatus.ERROR;
    }
  }

  #checkIdle(): void {
    if (this.#running > 0 || this.#polling || this.#waitingForIdle.length === 0) return;
    for (const resolve of this.#waitingForIdle.splice(0)) resolve();
  }
}
