import { builtIn } from "./built-in.js";
import type { OperationExercise } from "./exercise.js";

export const immData: OperationExercise<"immData"> = {
  definition: builtIn("immData"),
  // Memory around the 8 bytes shows whether the engine writes more than these.
  block: ({ alignBytes = 1 }) => ({ alignBytes, minLengthBytes: 8 }),
  shapes: () =>
    [
      [0x0403_0201, 0x0807_0605],
      [0xffff_fffe, 0x8000_0000],
    ].map(([low, high]) => ({
      title: `8 bytes ${high!.toString(16)} ${low!.toString(16)}`,
      operands: 1,
      flags: 0,
      prepare: (preps, [dst], _lengthBytes, flags) => ({
        tx: preps.prepImmData(dst!, low!, high!, flags),
      }),
    })),
};
