/** Waits until every one has ended, then rejects with the first failure, if there was one: nothing is still at work when the caller goes on. */
export async function allEnded(promises: readonly Promise<unknown>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(promises)) {
    if (outcome.status === "rejected") throw outcome.reason;
  }
}
