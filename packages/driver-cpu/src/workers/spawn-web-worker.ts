import type { SpawnWorker } from "./spawn.js";

/**
 * All that runs in the worker besides WebAssembly. It holds a lock as long as it lives. What goes wrong is thrown outside of any promise, where the
 * page hears of it.
 */
const BOOTSTRAP = `
  onmessage = ({ data: { task, lock } }) => {
    const run = () => {
      const { module, memory, ring, ringSize } = task;
      new WebAssembly.Instance(module, { env: { memory } }).exports.run(ring, ringSize);
    };
    navigator.locks.request(lock, run).catch((error) => setTimeout(() => { throw error; }));
  };
`;

/**
 * Starts a Web Worker, from a `blob:` URL: a content security policy has to allow those as `worker-src`. Browsers don't tell when a worker that
 * was terminated has come to its end, which may be seconds later. But they take its locks (Web Locks API) away then, and not before.
 */
export const spawnWebWorker: SpawnWorker = (task, died) => {
  const url = URL.createObjectURL(new Blob([BOOTSTRAP], { type: "text/javascript" }));
  const worker = new Worker(url);
  const lock = `@dmaengine/driver-cpu ${crypto.randomUUID()}`;
  worker.addEventListener(
    "error",
    (event) => {
      event.preventDefault();
      died(new Error(event.message || "the worker could not be started"));
    },
    { once: true },
  );
  worker.postMessage({ task, lock });
  return {
    async terminate() {
      worker.terminate();
      URL.revokeObjectURL(url);
      await navigator.locks.request(lock, () => {});
    },
  };
};
