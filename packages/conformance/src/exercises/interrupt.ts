import { DMA_CTRL_ACK, DMA_PREP_INTERRUPT } from "@dmaengine/core";
import { builtIn } from "./built-in.js";
import type { OperationExercise } from "./exercise.js";

export const interrupt: OperationExercise<"interrupt"> = {
  definition: builtIn("interrupt"),
  shapes: () => [
    {
      title: "no transfer",
      operands: 0,
      flags: DMA_PREP_INTERRUPT | DMA_CTRL_ACK,
      prepare: (preps, _addrs, _lengthBytes, flags) => ({ tx: preps.prepInterrupt(flags) }),
    },
  ],
};
