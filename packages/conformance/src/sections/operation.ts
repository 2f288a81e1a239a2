import { DMA_CTRL_ACK, type DmaDevice } from "@dmaengine/core";
import type { Bench } from "../bench.js";
import type { Exercise, Shape } from "../exercises/exercise.js";
import type { Trial } from "../job.js";
import { perform } from "../jobs.js";
import { type Layout, lengthsWithin, nearestLength, PLAIN } from "../layout.js";
import type { Random } from "../random.js";
import { blockFor, plainTrials, randomTrial, shapesFor } from "../trials.js";
import type { Section } from "./section.js";

/** How many transactions are queued at a time where nothing else is asked for. */
const DEPTH = 8;
/** The reference implementation works byte by byte: longer transactions are left to long runs. */
const ENOUGH_BYTES = 400_000;

/** One operation against its reference implementation. */
export function operation(exercise: Exercise): Section {
  const { name } = exercise.definition;
  /** Performs trials on a channel of each device that has the operation. */
  const everywhere =
    (trials: (device: DmaDevice, bench: Bench) => readonly Trial[]) =>
    async (bench: Bench): Promise<void> => {
      for (const device of bench.devicesWith(name)) {
        const chan = bench.request(device, name);
        await perform(bench, chan, exercise, trials(device, bench), DEPTH);
      }
    };
  return {
    title: name,
    cases: [
      {
        title: "does what its reference does, for every shape",
        needs: name,
        run: everywhere((device, bench) => {
          const block = blockFor(device, exercise);
          return shapesFor(device, exercise, bench.long).map((shape) => ({
            shape,
            lengthBytes: nearestLength(block, bench.random.pick([7, 64, 301])),
            layout: PLAIN,
            flags: DMA_CTRL_ACK,
          }));
        }),
      },
      {
        title: "for every length",
        needs: name,
        run: everywhere((device, bench) => {
          return lengthsWithin(blockFor(device, exercise), bench.long)
            .flatMap((lengthBytes) =>
              fewShapes(device, exercise, bench.random).map((shape) => ({
                shape,
                lengthBytes,
                layout: PLAIN,
                flags: DMA_CTRL_ACK,
              })),
            )
            .filter(({ shape, lengthBytes }) => bench.long || shape.operands * lengthBytes < ENOUGH_BYTES);
        }),
      },
      {
        title: "for every alignment of its operands",
        needs: name,
        run: everywhere((device, bench) => {
          const block = blockFor(device, exercise);
          const step = block.alignBytes ?? 1;
          return everyAlignment(step, bench.long).flatMap((beforeBytes) =>
            fewShapes(device, exercise, bench.random).map((shape) => ({
              shape,
              lengthBytes: nearestLength(block, 100),
              layout: { ...PLAIN, beforeBytes },
              flags: DMA_CTRL_ACK,
            })),
          );
        }),
      },
      {
        title: "up to the very ends of buffers of any size",
        needs: name,
        run: everywhere((device, bench) => {
          const block = blockFor(device, exercise);
          const toTheEnd: Layout = { ...PLAIN, afterBytes: () => 0 };
          return Array.from({ length: 40 }, (_, i) => nearestLength(block, i + 1)).flatMap((lengthBytes) =>
            fewShapes(device, exercise, bench.random).map((shape) => ({
              shape,
              lengthBytes,
              layout: toTheEnd,
              flags: DMA_CTRL_ACK,
            })),
          );
        }),
      },
      {
        title: "in memory of every kind, mapped in every way",
        needs: name,
        run: everywhere((device, bench) => {
          const block = blockFor(device, exercise);
          const memories = ["apart", "arena", "allocated"] as const;
          const layouts = memories.flatMap((memory) =>
            (memory === "arena" ? (["exact"] as const) : (["exact", "whole"] as const)).map(
              (mapping): Layout => ({
                memory,
                mapping,
                beforeBytes: () => 64,
                afterBytes: (operand) => 16 + operand,
              }),
            ),
          );
          return layouts.flatMap((layout) =>
            [64, 500, 5000].flatMap((wanted) =>
              fewShapes(device, exercise, bench.random).map((shape) => ({
                shape,
                lengthBytes: nearestLength(block, wanted),
                layout,
                flags: DMA_CTRL_ACK,
              })),
            ),
          );
        }),
      },
      {
        title: "for whatever comes to mind, queued at random",
        needs: name,
        async run(bench) {
          for (const device of bench.devicesWith(name)) {
            const chan = bench.request(device, name);
            const block = blockFor(device, exercise);
            const shapes = shapesFor(device, exercise, bench.long);
            for (let round = 0; round < (bench.long ? 200 : 10); round++) {
              const depth = bench.random.int(1, 24);
              const trials = Array.from({ length: depth * 2 }, () =>
                randomTrial(block, shapes, bench.random, bench.long),
              );
              await perform(bench, chan, exercise, trials, depth);
            }
          }
        },
      },
      {
        title: "on every channel, all at once",
        needs: name,
        async run(bench) {
          for (const device of bench.devicesWith(name)) {
            const chans = bench.requestEvery(device, name);
            await Promise.all(
              chans.map((chan) =>
                perform(bench, chan, exercise, plainTrials(device, exercise, 24, 2000), DEPTH),
              ),
            );
          }
        },
      },
    ],
  };
}

/** The plainest shape, the one with most operands, and any one. */
function fewShapes(device: DmaDevice, exercise: Exercise, random: Random): Shape[] {
  const shapes = shapesFor(device, exercise, false);
  const largest = shapes.reduce((a, b) => (b.operands > a.operands ? b : a));
  return [...new Set([shapes[0] as Shape, largest, random.pick(shapes)])];
}

/** Offsets of the operands against each other: all alike, then each alone, then mixed. */
function everyAlignment(stepBytes: number, long: boolean): ((operand: number) => number)[] {
  const offsets = Array.from({ length: long ? 64 : 9 }, (_, i) => i * stepBytes);
  return offsets.flatMap((offset) => [
    () => offset,
    (operand) => (operand === 0 ? offset : 0),
    (operand) => (operand === 1 ? offset : 0),
    (operand) => ((operand * 7 + offset / stepBytes) % 16) * stepBytes,
  ]);
}
