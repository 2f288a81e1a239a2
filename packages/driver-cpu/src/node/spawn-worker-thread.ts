import { Worker } from "node:worker_threads";
import type { SpawnWorker } from "../workers/spawn.js";

/** All that runs in the worker besides WebAssembly. A string, so that there is no file that a bundler could miss. */
const BOOTSTRAP = `
  const { module, memory, ring, ringSize } = require("node:worker_threads").workerData;
  new WebAssembly.Instance(module, { env: { memory } }).exports.run(ring, ringSize);
`;

/** Starts a worker thread of Node. It does not keep the process alive. */
export const spawnWorkerThread: SpawnWorker = (task, died) => {
  const worker = new Worker(BOOTSTRAP, { eval: true, workerData: task, execArgv: [], env: {} });
  worker.unref();
  let terminating = false;
  let cause: Error | undefined;
  worker.on("error", (error) => {
    cause = error;
  });
  worker.on("exit", (code) => {
    if (!terminating) died(cause ?? new Error(`the worker thread ended with exit code ${code}`));
  });
  return {
    async terminate() {
      terminating = true;
      await worker.terminate();
    },
  };
};
