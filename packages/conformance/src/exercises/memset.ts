import { builtIn } from "./built-in.js";
import type { OperationExercise } from "./exercise.js";

export const memset: OperationExercise<"memset"> = {
  definition: builtIn("memset"),
  shapes: () =>
    [0x5a, 0, 0xff, 1].map((value) => ({
      title: `fill with ${value}`,
      operands: 1,
      flags: 0,
      prepare: (preps, [dst], lengthBytes, flags) => ({
        tx: preps.prepMemset(dst as number, value, lengthBytes, flags),
      }),
    })),
};
