import { type DmaCookie, type DmaDevice, DmaStatus } from "@dmaengine/core";
import type { AnyChan } from "./job.js";

/** What the kit can't know about a driver: how its time passes, and how its transfers can be made to fail. */
export interface Harness {
  /**
   * Lets some of the driver's time pass; the kit calls it between two looks at the state. Only for engines whose time stands still
   * otherwise, such as a simulation that is stepped. Left out: the kit lets the driver itself wait, or gives the event loop a turn.
   */
  letTimePass?(): void | Promise<void>;
  /**
   * An address at which the device's accesses will fail. Left out: one that was mapped once and isn't any more, which an engine is
   * expected to notice.
   *
   * @param lengthBytes - how much the transaction will touch there.
   */
  faultyAddr?(device: DmaDevice, lengthBytes: number): number;
}

/** How the kit waits: with the driver's own means, with the harness, and not for ever. */
export class Time {
  readonly #harness: Harness;
  readonly patienceMillis: number;

  constructor(harness: Harness, patienceMillis: number) {
    this.#harness = harness;
    this.patienceMillis = patienceMillis;
  }

  /** Lets enough time pass for a few transactions, without a look at any channel. */
  async letSomePass(): Promise<void> {
    for (let turn = 0; turn < 5; turn++) await this.#letPass();
  }

  /** Lets time pass until `done` or until patience ends, without a look at any channel. Whether it is done. */
  async until(done: () => boolean): Promise<boolean> {
    const giveUpAt = Date.now() + this.patienceMillis;
    while (!done()) {
      if (Date.now() > giveUpAt) return false;
      await this.#letPass();
    }
    return true;
  }

  /** Waits for something that the driver does in its own time. Whether it did; rejects if the promise does. */
  async settles(promise: Promise<unknown>): Promise<boolean> {
    if (this.#harness.letTimePass !== undefined) {
      let settled = false;
      const settle = (): void => {
        settled = true;
      };
      promise.then(settle, settle);
      await this.until(() => settled);
    }
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeout = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), this.patienceMillis);
    });
    try {
      return await Promise.race([promise.then(() => true), timeout]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Waits as a client does until a transaction has ended. Its status; not COMPLETE or ERROR if it never ends. */
  async statusAfter(chan: AnyChan, cookie: DmaCookie): Promise<DmaStatus> {
    chan.issuePending();
    if (chan.txStatus(cookie) === DmaStatus.IN_PROGRESS) {
      if (this.#harness.letTimePass === undefined) await this.settles(chan.syncWait(cookie));
      else await this.until(() => chan.txStatus(cookie) !== DmaStatus.IN_PROGRESS);
    }
    return chan.txStatus(cookie);
  }

  async #letPass(): Promise<void> {
    if (this.#harness.letTimePass !== undefined) await this.#harness.letTimePass();
    else await new Promise((resolve) => setTimeout(resolve, 0));
  }
}
