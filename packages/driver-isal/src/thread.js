/**
 * The thread behind a channel: takes slots from its ring in order and has ISA-L called for them. A file of JavaScript, as Node runs it as it is.
 */
import { workerData } from "node:worker_threads";
import koffi from "koffi";
import { Executor } from "./execute.js";

/** How often an idle thread looks again before it sleeps: some microseconds, as long as going to sleep takes. */
const SPINS = 2000;

/** @type {import("./ring.js").RingTask} */
const task = workerData;
const { ring, ringSize, ringOffsets } = task;
const executor = new Executor(koffi, task);
const counters = new Int32Array(ring);

serve();

function serve() {
  const issuedIndex = ringOffsets.issued / 4;
  const doneIndex = ringOffsets.done / 4;
  let done = Atomics.load(counters, doneIndex);
  for (let slot = 0; ; slot = slot + 1 === ringSize ? 0 : slot + 1) {
    for (let spins = 0; Atomics.load(counters, issuedIndex) === done; spins++) {
      if (spins > SPINS) Atomics.wait(counters, issuedIndex, done);
    }
    executor.execute(slot);
    done = (done + 1) | 0;
    Atomics.store(counters, doneIndex, done);
    if (Atomics.load(counters, ringOffsets.wakeAt / 4) === done) Atomics.notify(counters, doneIndex);
  }
}
