/** Somebody who does the same as the others. */
export interface Contestant {
  readonly name: string;
  /** Rounds before those that count: code is compiled while it runs. */
  readonly warmUps: number;
  /** Does it once. Resolves with the milliseconds that it took, without what had to be made ready. */
  round(): Promise<number>;
  /** Gives up what it holds between rounds. */
  close(): void;
}

/** Has all do their work in turn. Milliseconds of each round that counts, by name. */
export async function takeTurns(
  contestants: readonly Contestant[],
  rounds: number,
  beforeEach: () => void,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const millis = new Map(contestants.map(({ name }): [string, number[]] => [name, []]));
  const warmUps = Math.max(...contestants.map((contestant) => contestant.warmUps));
  for (let round = -warmUps; round < rounds; round++) {
    for (const contestant of contestants) {
      if (round < -contestant.warmUps) continue;
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
