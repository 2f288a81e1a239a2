import {
  DMA_CTRL_ACK,
  DMA_PREP_FENCE,
  DMA_PREP_INTERRUPT,
  type DmaCookie,
  DmaDirection,
  DmaStatus,
  type DmaTxState,
} from "@dmaengine/core";
import type { Bench } from "../bench.js";
import { carryOut, prepare } from "../jobs.js";
import { nearestLength } from "../layout.js";
import { type Mover, movers } from "../moves.js";
import { plainTrials } from "../trials.js";
import type { Section } from "./section.js";

export const order: Section = {
  title: "order and completion",
  cases: [
    {
      title: "what was submitted first has ended when a later one has",
      async run(bench) {
        for (const { device, exercise } of bench.workloads()) {
          const chan = bench.request(device, exercise.definition.name);
          const jobs = prepare(bench, chan, exercise, plainTrials(device, exercise, 6, 1000));
          const cookies = jobs.map((job) => job.submit());
          await bench.settle(chan, cookies.at(-1)!);
          for (const cookie of cookies) {
            bench.equal(`status of cookie ${cookie}`, chan.txStatus(cookie), DmaStatus.COMPLETE);
          }
          for (const job of jobs) bench.note(job.finish("done"));
        }
      },
    },
    {
      title: "transactions may be submitted in another order than they were prepared in",
      async run(bench) {
        for (const { device, exercise } of bench.workloads()) {
          const chan = bench.request(device, exercise.definition.name);
          const jobs = prepare(bench, chan, exercise, plainTrials(device, exercise, 6));
          await carryOut(bench, chan, jobs.reverse());
        }
      },
    },
    {
      title: "with DMA_PREP_FENCE each transaction sees what the one before it wrote",
      async run(bench) {
        for (const mover of movers(bench)) await runChain(bench, mover);
      },
    },
    {
      title: "nothing that was submitted is lost when it is issued in several goes",
      async run(bench) {
        for (const { device, exercise } of bench.workloads()) {
          const chan = bench.request(device, exercise.definition.name);
          chan.issuePending();
          const jobs = prepare(bench, chan, exercise, plainTrials(device, exercise, 6));
          const cookies = jobs.map((job, i) => {
            const cookie = job.submit();
            if (i % 2 === 0) chan.issuePending();
            return cookie;
          });
          await bench.settle(chan, cookies.at(-1)!);
          chan.issuePending();
          chan.issuePending();
          await bench.time.letSomePass();
          for (const job of jobs) bench.note(job.finish("done"));
        }
      },
    },
    {
      title: "the residue never grows and ends at 0",
      async run(bench) {
        for (const { device, exercise } of bench.workloads()) {
          const chan = bench.request(device, exercise.definition.name);
          const jobs = prepare(bench, chan, exercise, plainTrials(device, exercise, 3, 16_000));
          const cookie = jobs.map((job) => job.submit()).at(-1)!;
          const state: DmaTxState = { last: 0, used: 0, residue: 0 };
          let most = Number.MAX_SAFE_INTEGER;
          const look = (): DmaStatus => {
            const status = chan.txStatus(cookie, state);
            if (!(state.residue >= 0 && state.residue <= most)) {
              bench.problem(`${chan.name}: expected a residue of 0 to ${most} bytes, got ${state.residue}`);
            }
            most = state.residue;
            return status;
          };
          look();
          chan.issuePending();
          await bench.time.until(() => look() !== DmaStatus.IN_PROGRESS);
          bench.equal(`${chan.name}: residue in the end`, state.residue, 0);
          await bench.settle(chan, cookie);
          for (const job of jobs) bench.note(job.finish("done"));
        }
      },
    },
    {
      title: "with DMA_PREP_INTERRUPT a callback runs without anybody polling",
      async run(bench) {
        for (const { device, exercise } of bench.workloads()) {
          const chan = bench.request(device, exercise.definition.name);
          const trials = plainTrials(device, exercise, 1).map((trial) => ({
            ...trial,
            flags: DMA_CTRL_ACK | DMA_PREP_INTERRUPT,
          }));
          for (let round = 0; round < 3; round++) {
            for (const job of prepare(bench, chan, exercise, trials)) {
              let called = false;
              job.tx!.callback = () => {
                called = true;
              };
              const cookie = job.submit();
              chan.issuePending();
              if (!(await bench.time.until(() => called))) bench.problem(`${job}: its callback never ran`);
              await bench.settle(chan, cookie);
              bench.note(job.finish("done"));
            }
          }
        }
      },
    },
    {
      title: "an interrupt descriptor completes after all that was submitted before it",
      needs: "interrupt",
      async run(bench) {
        bench.devicesWith("interrupt");
        for (const { device, exercise } of bench.workloads()) {
          if (!device.has("interrupt")) continue;
          const chan = bench.request(device, "interrupt", exercise.definition.name);
          const jobs = prepare(bench, chan, exercise, plainTrials(device, exercise, 3, 4000));
          const tx = chan.prepInterrupt();
          if (tx === null) {
            bench.problem(
              `${chan.name}: no room for an interrupt descriptor behind ${jobs.length} transactions`,
            );
            continue;
          }
          let problems: readonly string[] | undefined;
          tx.callback = () => {
            problems = jobs.flatMap((job) => job.finish("done"));
          };
          for (const job of jobs) job.submit();
          tx.submit();
          chan.issuePending();
          if (!(await bench.time.until(() => problems !== undefined))) {
            bench.problem(`${chan.name}: the interrupt never came`);
          }
          bench.note(problems ?? []);
        }
      },
    },
  ],
};

/** Moves a block from buffer to buffer, all of it queued before the first move starts. */
async function runChain(bench: Bench, { device, chan, block, moves }: Mover): Promise<void> {
  const lengthBytes = nearestLength(block, 512);
  const blocks = Array.from({ length: 2 * moves.length + 1 }, () => new Uint8Array(lengthBytes));
  for (const bytes of blocks) bench.random.fill(bytes);
  const sent = blocks[0]!.slice();
  const addrs = blocks.map((bytes) => device.mapSingle(bytes, DmaDirection.BIDIRECTIONAL));
  let cookie: DmaCookie | null = null;
  for (let i = 1; i < blocks.length; ) {
    const move = moves[i % moves.length]!;
    const tx = move(addrs[i]!, addrs[i - 1]!, lengthBytes, DMA_CTRL_ACK | DMA_PREP_FENCE);
    if (tx !== null) {
      cookie = tx.submit();
      i += 1;
    } else {
      if (cookie === null) throw new Error(`${chan.name}: prep returned null although nothing is in flight`);
      await bench.settle(chan, cookie);
      cookie = null;
    }
  }
  if (cookie !== null) await bench.settle(chan, cookie);
  for (const addr of addrs) device.unmapSingle(addr, lengthBytes, DmaDirection.BIDIRECTIONAL);
  blocks.forEach((bytes, i) => {
    if (!bytes.every((byte, at) => byte === sent[at])) {
      bench.problem(`${chan.name}: block ${i} of a chain of moves is not what was sent down the chain`);
    }
  });
}
