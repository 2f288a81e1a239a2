import { Interruption, type StopSignal } from "./errors.js";
import type { Io } from "./io.js";

/**
 * The streams and signals of this process. The first SIGINT or SIGTERM asks what is going on to end in good order, the
 * second one ends the process at once.
 */
export function processIo(): Io {
  const { stdin, stdout, stderr } = process;
  const stop = new AbortController();
  const onSignal = (signal: StopSignal): void => {
    const interruption = new Interruption(signal);
    if (stop.signal.aborted) process.exit(interruption.exitStatus);
    stderr.write(`mdraid: ${signal}: stopping in good order; once more to stop at once\n`);
    stop.abort(interruption);
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  // Whoever reads our output may close it when they have enough. What is written into it then goes nowhere.
  stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  return { stdin, stdout, stderr, signal: stop.signal };
}
