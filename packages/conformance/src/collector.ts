import type { Runner } from "./runner.js";

/** Which of the cases to run. */
export interface CollectorOptions {
  /** Leaves out the cases for whose {@link CollectedResult.title} this is false. */
  readonly only?: (title: string) => boolean;
  /** Stops at the first case that fails. Default false. */
  readonly untilFailure?: boolean;
}

/** A case that the collector has run. */
export interface CollectedResult {
  /** From the outermost title to the case's own, for example "cpu: dmaengine conformance, seed 1 > memcpy > for every length". */
  readonly title: string;
  /** What it threw; undefined if it passed. */
  readonly error: unknown;
}

/**
 * A test runner that is nothing but a list: the suite hands its cases in, {@link run} runs them one after the other. For programs that check a
 * driver without a test runner.
 */
export class Collector implements Runner {
  readonly #cases: { readonly title: string; readonly body: () => Promise<void> }[] = [];
  readonly #titles: string[] = [];

  readonly describe = (title: string, body: () => void): void => {
    this.#titles.push(title);
    body();
    this.#titles.pop();
  };

  readonly it = (title: string, body: () => Promise<void>): void => {
    this.#cases.push({ title: [...this.#titles, title].join(" > "), body });
  };

  readonly expect = (
    actual: unknown,
    message = "expected something else",
  ): { toEqual(expected: unknown): void } => ({
    toEqual(expected) {
      const [is, shouldBe] = [JSON.stringify(actual), JSON.stringify(expected)];
      if (is !== shouldBe) throw new Error(`${message}: expected ${shouldBe}, got ${is}`);
    },
  });

  /** Runs the cases in the order in which they were handed in. */
  async run({ only = () => true, untilFailure = false }: CollectorOptions = {}): Promise<CollectedResult[]> {
    const results: CollectedResult[] = [];
    for (const { title, body } of this.#cases) {
      if (!only(title)) continue;
      const error = await body().then(
        () => undefined,
        (thrown: unknown) => thrown ?? new Error("threw nothing"),
      );
      results.push({ title, error });
      if (untilFailure && error !== undefined) break;
    }
    return results;
  }
}
