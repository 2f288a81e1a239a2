/** Somebody who does the same as the others. */
export interface Contestant {
  readonly name: string;
  /** Does it once. Resolves with the milliseconds that it took, without what had to be made ready. */
  round(): Promise<number>;
  /** Gives up what it holds between rounds. */
  close(): void;
}

/** Has all do their work in turn, after a round that does not count. Milliseconds of each round, by name. */
export async function takeTurns(
  contestants: readonly Contestant[],
  rounds: number,
  beforeEach: () => void,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const millis = new Map(contestants.map(({ name }): [string, number[]] => [name, []]));
  for (let round = -1; round < rounds; round++) {
    for (const contestant of contestants) {
      beforeEach();
      const taken = await contestant.round();
      if (round >= 0) millis.get(contestant.name)?.push(taken);
    }
  }
  for (const contestant of contestants) contestant.close();
  return millis;
}

/** Milliseconds that a task takes. */
export async function timed(task: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await task();
  return performance.now() - start;
}
