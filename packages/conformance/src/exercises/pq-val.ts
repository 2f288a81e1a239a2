import { gfMul, SumCheck } from "@dmaengine/core";
import { builtIn } from "./built-in.js";
import { type OperationExercise, type OperationShape, range, sourceCounts } from "./exercise.js";
import { COEFFICIENTS, canMultiply, OUTPUTS } from "./pq.js";

/** What is wrong with P and Q: a bit of the first byte, the last, or nothing. */
const DAMAGES: readonly { readonly title: string; readonly p: boolean; readonly q: boolean }[] = [
  { title: "both right", p: false, q: false },
  { title: "P wrong", p: true, q: false },
  { title: "Q wrong", p: false, q: true },
  { title: "both wrong", p: true, q: true },
];

export const pqVal: OperationExercise<"pqVal"> = {
  definition: builtIn("pqVal"),
  shapes(limits, long) {
    const shapes: OperationShape<"pqVal">[] = [];
    for (const { title: output, flags } of OUTPUTS) {
      for (const srcCnt of sourceCounts(1, limits.maxSources, long)) {
        for (const { title, of } of COEFFICIENTS) {
          const coefs = range(0, srcCnt).map(of);
          if (!canMultiply(limits, coefs, flags)) continue;
          for (const damage of DAMAGES) {
            const name = `${output} of ${srcCnt} sources, ${title}, ${damage.title}`;
            shapes.push(check(name, coefs, flags, damage));
          }
        }
      }
    }
    return shapes;
  },
};

function check(
  title: string,
  coefs: readonly number[],
  flags: number,
  damage: { readonly p: boolean; readonly q: boolean },
): OperationShape<"pqVal"> {
  return {
    title,
    operands: coefs.length + 2,
    flags,
    arrange([p, q, ...srcs]) {
      arrangePq(p as Uint8Array, q as Uint8Array, srcs, coefs);
      if (damage.p) p![0]! ^= 1;
      if (damage.q) q![q!.length - 1]! ^= 0x80;
    },
    prepare(preps, [p, q, ...srcs], lengthBytes, prepFlags) {
      const result = new SumCheck();
      return {
        tx: preps.prepPqVal(
          p as number,
          q as number,
          srcs,
          coefs.length,
          coefs,
          lengthBytes,
          result,
          prepFlags,
        ),
        verdict: () => result.flags,
      };
    },
  };
}

function arrangePq(
  p: Uint8Array,
  q: Uint8Array,
  srcs: readonly Uint8Array[],
  coefs: readonly number[],
): void {
  p.fill(0);
  q.fill(0);
  srcs.forEach((src, i) => {
    for (let at = 0; at < src.length; at++) {
      p[at]! ^= src[at] as number;
      q[at]! ^= gfMul(coefs[i] as number, src[at] as number);
    }
  });
}
