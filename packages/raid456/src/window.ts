/**
 * Runs `task(0) … task(count - 1)`, at most `limit` at a time, in that order of starting.
 *
 * After a failure no more are started; the promise rejects with the first failure once those in flight have ended, so that nothing is
 * still at work when the caller goes on. `onPrefix(n)` tells, in order, that the first `n` tasks are complete.
 */
export async function inWindow(
  count: number,
  limit: number,
  task: (i: number) => Promise<void>,
  onPrefix?: (completed: number) => void | Promise<void>,
): Promise<void> {
  let next = 0;
  let failed = false;
  let failure: unknown;
  let prefix = 0;
  let reporting = Promise.resolve();
  const doneAhead = new Set<number>();

  const finish = (i: number): void => {
    if (onPrefix === undefined) return;
    doneAhead.add(i);
    const before = prefix;
    while (doneAhead.delete(prefix)) prefix += 1;
    if (prefix === before) return;
    const completed = prefix;
    reporting = reporting.then(() => onPrefix(completed));
    // A failure of the report is looked at by the workers; this keeps it from being "unhandled" until then.
    reporting.catch(() => {});
  };
  const worker = async (): Promise<void> => {
    while (next < count && !failed) {
      const i = next++;
      try {
        await task(i);
        finish(i);
        await reporting;
      } catch (error) {
        if (!failed) failure = error;
        failed = true;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, count) }, worker));
  if (failed) throw failure;
}
