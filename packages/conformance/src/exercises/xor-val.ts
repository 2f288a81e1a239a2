import { SumCheck } from "@dmaengine/core";
import { builtIn } from "./built-in.js";
import { type OperationExercise, type OperationShape, sourceCounts } from "./exercise.js";

export const xorVal: OperationExercise<"xorVal"> = {
  definition: builtIn("xorVal"),
  shapes: ({ maxSources }, long) =>
    sourceCounts(1, maxSources, long).flatMap((srcCnt) => [
      check(srcCnt, "matching", () => {}),
      check(srcCnt, "wrong in the first bit", (bytes) => {
        bytes[0]! ^= 1;
      }),
      check(srcCnt, "wrong in the last bit", (bytes) => {
        bytes[bytes.length - 1]! ^= 0x80;
      }),
    ]),
};

function check(srcCnt: number, title: string, damage: (bytes: Uint8Array) => void): OperationShape<"xorVal"> {
  return {
    title: `${srcCnt} sources, ${title}`,
    operands: srcCnt,
    flags: 0,
    arrange(operands) {
      const last = operands[srcCnt - 1] as Uint8Array;
      last.fill(0);
      for (const operand of operands.slice(0, -1)) {
        for (let i = 0; i < last.length; i++) last[i]! ^= operand[i] as number;
      }
      damage(last);
    },
    prepare(preps, srcs, lengthBytes, flags) {
      const result = new SumCheck();
      return {
        tx: preps.prepXorVal(srcs, srcCnt, lengthBytes, result, flags),
        verdict: () => result.flags,
      };
    },
  };
}
