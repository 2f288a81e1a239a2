import { SUM_CHECK_Q_RESULT, SumCheck } from "@dmaengine/core";
import type { StripePage } from "../stripe/stripe-page.js";
import type { PageOp, PqOp, PqValOp, XorValOp } from "./page-op.js";

/** An operation as others that do the same, for engines that can't do it as it stands. */
export interface Parts {
  readonly ops: readonly PageOp[];
  /** To be called when they are complete: what the operation has found out is there then. */
  conclude(): void;
}

/**
 * Makes an operation of others, which work on scratch pages: a check of more sources than the engine's checks take is a sum and a
 * comparison, and what is added to P and Q on an engine that can't continue is a sum and two xors. Null where there is no such way.
 */
export function inParts(op: PageOp, scratch: () => StripePage): Parts | null {
  switch (op.op) {
    case "pq":
      return op.goOn ? addedUp(op, scratch) : null;
    case "xorVal":
      return summedUp(op, scratch());
    case "pqVal":
      return compared(op, scratch);
    default:
      return null;
  }
}

function addedUp({ p, q, srcs, coefs, range }: PqOp, scratch: () => StripePage): Parts {
  const toP = p === null ? null : scratch();
  const toQ = q === null ? null : scratch();
  const ops: PageOp[] = [{ op: "pq", p: toP, q: toQ, srcs, coefs, range, goOn: false }];
  if (p !== null && toP !== null) ops.push({ op: "xor", dst: p, srcs: [p, toP], range });
  if (q !== null && toQ !== null) ops.push({ op: "xor", dst: q, srcs: [q, toQ], range });
  return { ops, conclude() {} };
}

function summedUp({ srcs, range, result }: XorValOp, sum: StripePage): Parts {
  return {
    ops: [
      { op: "xor", dst: sum, srcs, range },
      { op: "xorVal", srcs: [sum], range, result },
    ],
    conclude() {},
  };
}

function compared({ p, q, srcs, coefs, range, result }: PqValOp, scratch: () => StripePage): Parts {
  const sumP = p === null ? null : scratch();
  const sumQ = q === null ? null : scratch();
  const qResult = new SumCheck();
  const ops: PageOp[] = [{ op: "pq", p: sumP, q: sumQ, srcs, coefs, range, goOn: false }];
  if (p !== null && sumP !== null) ops.push({ op: "xorVal", srcs: [sumP, p], range, result });
  if (q !== null && sumQ !== null) ops.push({ op: "xorVal", srcs: [sumQ, q], range, result: qResult });
  return {
    ops,
    conclude() {
      if (p === null) result.flags = 0;
      if (qResult.flags !== 0) result.flags |= SUM_CHECK_Q_RESULT;
    },
  };
}
