/**
 * What the kit needs of a test runner. Vitest, Jest and node:test with any `expect` all have it;
 * {@link Collector} has it without a test runner.
 */
export interface Runner {
  describe(title: string, body: () => void): unknown;
  /** `context` is whatever the runner gives its tests; if it has a `skip(reason)`, skipped cases call it. */
  it(title: string, body: (context?: unknown) => Promise<void>, timeoutMillis?: number): unknown;
  /** Must throw unless `actual` equals `expected` deeply. Called with arrays of strings. */
  expect(actual: unknown, message?: string): { toEqual(expected: unknown): unknown };
}
