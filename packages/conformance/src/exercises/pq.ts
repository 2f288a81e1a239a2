import {
  DMA_PREP_CONTINUE,
  DMA_PREP_PQ_DISABLE_P,
  DMA_PREP_PQ_DISABLE_Q,
  dmaMaxPq,
  dmaPqCoefsFit,
  gfExp,
  type PqLimits,
} from "@dmaengine/core";
import { builtIn } from "./built-in.js";
import { type OperationExercise, type OperationShape, range, sourceCounts } from "./exercise.js";

/** Which of the two sums are wanted. */
export const OUTPUTS: readonly { readonly title: string; readonly flags: number }[] = [
  { title: "P and Q", flags: 0 },
  { title: "P alone", flags: DMA_PREP_PQ_DISABLE_Q },
  { title: "Q alone", flags: DMA_PREP_PQ_DISABLE_P },
];

/** Coefficients as md uses them, the other way round, and as recovery uses them. */
export const COEFFICIENTS: readonly { readonly title: string; of(index: number): number }[] = [
  { title: "powers of g", of: gfExp },
  { title: "falling powers of g", of: (index) => gfExp(-index) },
  { title: "any coefficients", of: (index) => (index * 0x53 + 0xa7) & 0xff },
  { title: "coefficients 0 and 1", of: (index) => index & 1 },
];

export const pq: OperationExercise<"pq"> = {
  definition: builtIn("pq"),
  shapes(limits, long) {
    const shapes: OperationShape<"pq">[] = [];
    for (const output of OUTPUTS) {
      for (const resume of [0, DMA_PREP_CONTINUE]) {
        const flags = output.flags | resume;
        for (const srcCnt of sourceCounts(1, dmaMaxPq(limits, flags), long)) {
          for (const { title, of } of COEFFICIENTS) {
            const coefs = range(0, srcCnt).map(of);
            if (!canMultiply(limits, coefs, flags)) continue;
            const name = `${output.title} of ${srcCnt} sources, ${title}`;
            shapes.push(apart(resume === 0 ? name : `${name}, continued`, coefs, flags));
          }
        }
      }
      for (const srcCnt of sourceCounts(1, limits.maxSources, long)) {
        const coefs = range(0, srcCnt).map(gfExp);
        if (canMultiply(limits, coefs, output.flags)) {
          shapes.push(...inPlace(coefs, output.title, output.flags));
        }
      }
    }
    return shapes;
  },
};

/** Whether the engine has these coefficients, or doesn't need them. */
export function canMultiply(limits: PqLimits, coefs: readonly number[], flags: number): boolean {
  return (flags & DMA_PREP_PQ_DISABLE_Q) !== 0 || dmaPqCoefsFit(limits, coefs, coefs.length);
}

function apart(title: string, coefs: readonly number[], flags: number): OperationShape<"pq"> {
  return {
    title,
    operands: coefs.length + 2,
    flags,
    prepare: (preps, [p, q, ...srcs], lengthBytes, prepFlags) => ({
      tx: preps.prepPq(p as number, q as number, srcs, coefs.length, coefs, lengthBytes, prepFlags),
    }),
  };
}

/** P is the first source, or Q the last, or both: recovery of lost blocks writes over what it reads. */
function inPlace(coefs: readonly number[], output: string, flags: number): OperationShape<"pq">[] {
  const srcCnt = coefs.length;
  const shapes: OperationShape<"pq">[] = [];
  if ((flags & DMA_PREP_PQ_DISABLE_P) === 0) {
    shapes.push({
      title: `${output} of ${srcCnt} sources, P in place of the first`,
      operands: srcCnt + 1,
      flags,
      prepare: (preps, [q, ...srcs], lengthBytes, prepFlags) => ({
        tx: preps.prepPq(srcs[0] as number, q as number, srcs, srcCnt, coefs, lengthBytes, prepFlags),
      }),
    });
  }
  if ((flags & DMA_PREP_PQ_DISABLE_Q) === 0) {
    shapes.push({
      title: `${output} of ${srcCnt} sources, Q in place of the last`,
      operands: srcCnt + 1,
      flags,
      prepare: (preps, [p, ...srcs], lengthBytes, prepFlags) => ({
        tx: preps.prepPq(
          p as number,
          srcs[srcCnt - 1] as number,
          srcs,
          srcCnt,
          coefs,
          lengthBytes,
          prepFlags,
        ),
      }),
    });
  }
  if (flags === 0 && srcCnt > 1) {
    shapes.push({
      title: `${output} of ${srcCnt} sources, Q in place of the first and P of the last`,
      operands: srcCnt,
      flags,
      prepare: (preps, srcs, lengthBytes, prepFlags) => ({
        tx: preps.prepPq(
          srcs[srcCnt - 1] as number,
          srcs[0] as number,
          srcs,
          srcCnt,
          coefs,
          lengthBytes,
          prepFlags,
        ),
      }),
    });
  }
  return shapes;
}
