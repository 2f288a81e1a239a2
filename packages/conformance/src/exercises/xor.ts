import { builtIn } from "./built-in.js";
import { type OperationExercise, type OperationShape, range, sourceCounts } from "./exercise.js";

export const xor: OperationExercise<"xor"> = {
  definition: builtIn("xor"),
  shapes: ({ maxSources }, long) =>
    sourceCounts(1, maxSources, long).flatMap((srcCnt) => [
      apart(srcCnt),
      ...[0, srcCnt - 1].filter((at, i) => i === 0 || at > 0).map((at) => inPlace(srcCnt, at)),
      ...(srcCnt > 1 ? [sourceTwice(srcCnt)] : []),
    ]),
};

function apart(srcCnt: number): OperationShape<"xor"> {
  return {
    title: `${srcCnt} sources`,
    operands: srcCnt + 1,
    flags: 0,
    prepare: (preps, [dst, ...srcs], lengthBytes, flags) => ({
      tx: preps.prepXor(dst as number, srcs, srcCnt, lengthBytes, flags),
    }),
  };
}

function inPlace(srcCnt: number, at: number): OperationShape<"xor"> {
  return {
    title: `${srcCnt} sources, in place of source ${at}`,
    operands: srcCnt,
    flags: 0,
    prepare: (preps, srcs, lengthBytes, flags) => ({
      tx: preps.prepXor(srcs[at] as number, srcs, srcCnt, lengthBytes, flags),
    }),
  };
}

/** The last source is the first one again: the two cancel. */
function sourceTwice(srcCnt: number): OperationShape<"xor"> {
  return {
    title: `${srcCnt} sources, the first one twice`,
    operands: srcCnt,
    flags: 0,
    prepare: (preps, [dst, ...others], lengthBytes, flags) => {
      const srcs = range(0, srcCnt).map((i) => others[i % others.length] as number);
      return { tx: preps.prepXor(dst as number, srcs, srcCnt, lengthBytes, flags) };
    },
  };
}
