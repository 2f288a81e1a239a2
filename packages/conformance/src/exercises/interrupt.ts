import { builtIn } from "./built-in.js";
import type { OperationExercise } from "./exercise.js";

export const interrupt: OperationExercise<"interrupt"> = {
  definition: builtIn("interrupt"),
  shapes: () => [
    {
      title: "no transfer",
      operands: 0,
      flags: 0,
      prepare: (preps, _addrs, _lengthBytes, flags) => ({ tx: preps.prepInterrupt(flags) }),
    },
  ],
};
