import {
  DMA_PREP_CONTINUE,
  DMA_PREP_PQ_DISABLE_P,
  DMA_PREP_PQ_DISABLE_Q,
  DmaTransResult,
} from "@dmaengine/core";
import type {
  DmaTx,
  MemcpyArgs,
  MemsetArgs,
  PqArgs,
  PqValArgs,
  XorArgs,
  XorValArgs,
} from "@dmaengine/core/driver";
import type { Kernels } from "./kernels/kernels.js";
import type { Operands } from "./operands.js";

/** What the engine can do. */
export type CpuOperation = "memcpy" | "memset" | "xor" | "xorVal" | "pq" | "pqVal" | "interrupt";

/** A transaction whose operation tells the type of its arguments. */
export type CpuTx = { [Op in CpuOperation]: DmaTx<Op> }[CpuOperation];

const { NOERROR, READ_FAILED, WRITE_FAILED } = DmaTransResult;

/**
 * Carries one transaction out and tells how it ended. All operands are found first, so that a transaction with a
 * stray address leaves memory as it is.
 */
export function execute(tx: CpuTx, operands: Operands, kernels: Kernels): DmaTransResult {
  switch (tx.operation) {
    case "memcpy":
      return memcpy(tx.args, operands, kernels);
    case "memset":
      return memset(tx.args, operands, kernels);
    case "xor":
      return xor(tx.args, operands, kernels);
    case "xorVal":
      return xorVal(tx.args, operands, kernels);
    case "pq":
      return pq(tx.args, tx.flags, operands, kernels);
    case "pqVal":
      return pqVal(tx.args, tx.flags, operands, kernels);
    case "interrupt":
      return NOERROR;
  }
}

/** What a failed transaction leaves undone: all of it. */
export function residueBytesOf(tx: CpuTx): number {
  return tx.operation === "interrupt" ? 0 : tx.args.lengthBytes;
}

function memcpy(args: MemcpyArgs, operands: Operands, kernels: Kernels): DmaTransResult {
  const { dst, src } = operands;
  if (!operands.find(src, args.src, args.lengthBytes)) return READ_FAILED;
  if (!operands.find(dst, args.dst, args.lengthBytes)) return WRITE_FAILED;
  kernels.copy(dst, src, args.lengthBytes);
  return NOERROR;
}

function memset(args: MemsetArgs, operands: Operands, kernels: Kernels): DmaTransResult {
  const { dst } = operands;
  if (!operands.find(dst, args.dst, args.lengthBytes)) return WRITE_FAILED;
  kernels.fill(dst, args.value, args.lengthBytes);
  return NOERROR;
}

function xor(args: XorArgs, operands: Operands, kernels: Kernels): DmaTransResult {
  const { dst, srcs } = operands;
  if (!operands.findSrcs(args.srcs, args.srcCnt, args.lengthBytes)) return READ_FAILED;
  if (!operands.find(dst, args.dst, args.lengthBytes)) return WRITE_FAILED;
  kernels.xor(dst, srcs, args.srcCnt, args.lengthBytes);
  return NOERROR;
}

function xorVal(args: XorValArgs, operands: Operands, kernels: Kernels): DmaTransResult {
  if (!operands.findSrcs(args.srcs, args.srcCnt, args.lengthBytes)) return READ_FAILED;
  args.result.flags = kernels.xorVal(operands.srcs, args.srcCnt, args.lengthBytes);
  return NOERROR;
}

function pq(args: PqArgs, flags: number, operands: Operands, kernels: Kernels): DmaTransResult {
  const p = (flags & DMA_PREP_PQ_DISABLE_P) === 0 ? operands.p : null;
  const q = (flags & DMA_PREP_PQ_DISABLE_Q) === 0 ? operands.q : null;
  const { srcs, coefs, srcCnt, lengthBytes } = args;
  if (!operands.findSrcs(srcs, srcCnt, lengthBytes)) return READ_FAILED;
  if (p !== null && !operands.find(p, args.p, lengthBytes)) return WRITE_FAILED;
  if (q !== null && !operands.find(q, args.q, lengthBytes)) return WRITE_FAILED;
  kernels.pq(p, q, operands.srcs, coefs, srcCnt, lengthBytes, (flags & DMA_PREP_CONTINUE) !== 0);
  return NOERROR;
}

function pqVal(args: PqValArgs, flags: number, operands: Operands, kernels: Kernels): DmaTransResult {
  const p = (flags & DMA_PREP_PQ_DISABLE_P) === 0 ? operands.p : null;
  const q = (flags & DMA_PREP_PQ_DISABLE_Q) === 0 ? operands.q : null;
  const { srcs, coefs, srcCnt, lengthBytes } = args;
  if (!operands.findSrcs(srcs, srcCnt, lengthBytes)) return READ_FAILED;
  if (p !== null && !operands.find(p, args.p, lengthBytes)) return READ_FAILED;
  if (q !== null && !operands.find(q, args.q, lengthBytes)) return READ_FAILED;
  args.result.flags = kernels.pqVal(p, q, operands.srcs, coefs, srcCnt, lengthBytes);
  return NOERROR;
}
