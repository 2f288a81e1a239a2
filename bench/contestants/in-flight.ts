/** Does `operations` asynchronous operations, so many of them at a time. */
export function inFlight(
  atATime: number,
  operations: number,
  begin: (done: (error?: Error | null) => void) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let begun = 0;
    let ended = 0;
    const next = (): void => {
      begun += 1;
      begin((error) => {
        ended += 1;
        if (error) reject(error);
        else if (begun < operations) next();
        else if (ended === operations) resolve();
      });
    };
    for (let i = 0; i < Math.min(atATime, operations); i++) next();
  });
}
