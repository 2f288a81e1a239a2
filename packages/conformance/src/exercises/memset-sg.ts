import { builtIn } from "./built-in.js";
import { type OperationExercise, sourceCounts } from "./exercise.js";

export const memsetSg: OperationExercise<"memsetSg"> = {
  definition: builtIn("memsetSg"),
  shapes: ({ maxSegments }, long) =>
    sourceCounts(1, Math.min(maxSegments, 64), long).map((count) => ({
      title: `fill of ${count} segments`,
      operands: count,
      flags: 0,
      prepare(preps, dmaAddr, lengthBytes, flags) {
        const segments = { dmaAddr, dmaLengthBytes: dmaAddr.map(() => lengthBytes) };
        return { tx: preps.prepMemsetSg(segments, count, 0xc3, flags) };
      },
    })),
};
