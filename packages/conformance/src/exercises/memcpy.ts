import { builtIn } from "./built-in.js";
import type { OperationExercise } from "./exercise.js";

export const memcpy: OperationExercise<"memcpy"> = {
  definition: builtIn("memcpy"),
  shapes: () => [
    {
      title: "copy",
      operands: 2,
      flags: 0,
      prepare: (preps, [dst, src], lengthBytes, flags) => ({
        tx: preps.prepMemcpy(dst as number, src as number, lengthBytes, flags),
      }),
    },
  ],
};
