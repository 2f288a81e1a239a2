#!/usr/bin/env node
import { main } from "./main.js";

const stop = new AbortController();
// The first signal asks the threads to finish their tests, the second one ends the process at once.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());

process.exitCode = await main(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  signal: stop.signal,
});
