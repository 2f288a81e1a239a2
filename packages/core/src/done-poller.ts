import type { Channel } from "./channel.js";
import type { Descriptor } from "./descriptor.js";
import { DmaStatus } from "./status.js";

/** Polls one channel on behalf of whoever awaits a transaction's `done` that no interrupt will tell about. */
export class DonePoller {
  readonly #channel: Channel;
  /** Transactions that somebody awaits. */
  #watched = 0;
  /** Calls that want everything to end. */
  #draining = 0;
  #polling = false;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  watch(tx: Descriptor): void {
    tx.watched = true;
    this.#watched += 1;
    this.start();
  }

  unwatch(tx: Descriptor): void {
    if (!tx.watched) return;
    tx.watched = false;
    this.#watched -= 1;
  }

  /** Sees to it that everything that was issued ends, watched or not, or stops doing so. */
  drain(on: boolean): void {
    this.#draining += on ? 1 : -1;
    this.start();
  }

  /** Polls, if there is a reason to: from issue on, and from resume on. */
  start(): void {
    if (this.#polling || !this.#wanted) return;
    this.#polling = true;
    void this.#poll();
  }

  get #wanted(): boolean {
    return this.#watched + this.#draining > 0;
  }

  async #poll(): Promise<void> {
    const channel = this.#channel;
    try {
      // Nothing happens within the client's own call.
      await null;
      for (let tx = channel.firstIssued; tx !== null && this.#wanted; tx = channel.firstIssued) {
        const { cookie } = tx;
        const alive = await channel.relax(cookie);
        const status = channel.txStatus(cookie);
        if (status === DmaStatus.PAUSED) break;
        if (status === DmaStatus.IN_PROGRESS && !alive) {
          channel.markHung();
          this.#fail("hangs: nothing will ever end it");
          break;
        }
      }
    } catch (error) {
      channel.markHung();
      this.#fail("could not be polled: its driver failed", error);
    } finally {
      this.#polling = false;
    }
  }

  #fail(how: string, cause?: unknown): void {
    for (let tx = this.#channel.firstIssued; tx !== null && this.#channel.isIssued(tx); tx = tx.next) {
      if (!tx.watched) continue;
      this.unwatch(tx);
      tx.fail(how, cause);
    }
  }
}
