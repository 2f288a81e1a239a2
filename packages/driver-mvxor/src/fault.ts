import { DmaTransResult } from "@dmaengine/core";
import type { DmaAddr } from "@dmaengine/core/driver";
import type { MvXorTx } from "./descriptor-writer.js";

/** What an error at an address means for a transaction. The engine reads before it writes, so what is both was being read. */
export function faultOf(tx: MvXorTx, addr: DmaAddr): DmaTransResult {
  if (tx.operation === "interrupt") return DmaTransResult.ABORTED;
  const { lengthBytes } = tx.args;
  const isIn = (start: DmaAddr): boolean => addr >= start && addr < start + lengthBytes;
  if (sourcesOf(tx).some(isIn)) return DmaTransResult.READ_FAILED;
  if (destinationsOf(tx).some(isIn)) return DmaTransResult.WRITE_FAILED;
  return DmaTransResult.ABORTED;
}

type MovingTx = Exclude<MvXorTx, { operation: "interrupt" }>;

function sourcesOf(tx: MovingTx): readonly DmaAddr[] {
  if (tx.operation === "memset") return [];
  return tx.operation === "memcpy" ? [tx.args.src] : Array.from(tx.args.srcs.subarray(0, tx.args.srcCnt));
}

/** One that is left out of PQ is never accessed, so no error can be about it. */
function destinationsOf(tx: MovingTx): readonly DmaAddr[] {
  return tx.operation === "pq" ? [tx.args.p, tx.args.q] : [tx.args.dst];
}
