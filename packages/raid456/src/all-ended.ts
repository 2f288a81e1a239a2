/** Waits until every one has ended, then rejects with the first failure, if there was one: nothing is still at work when the caller goes on. */
export function allEnded(promises: readonly Promise<unknown>[]): Promise<void> {
  // `Promise.allSettled` would say how each has ended; nobody asks, and it is done for every transfer.
  return new Promise((resolve, reject) => {
    let open = promises.length;
    let failed = false;
    let failure: unknown;
    const end = (): void => {
      open -= 1;
      if (open > 0) return;
      if (failed) reject(failure);
      else resolve();
    };
    const fail = (error: unknown): void => {
      if (!failed) failure = error;
      failed = true;
      end();
    };
    if (open === 0) resolve();
    for (const promise of promises) promise.then(end, fail);
  });
}
