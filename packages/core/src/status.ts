/**
 * State of a transaction as `txStatus` tells it: `enum dma_status`, with the kernel's values. `DMA_OUT_OF_ORDER` is left out: here every
 * channel completes in the order of submission.
 */
export const DmaStatus = {
  COMPLETE: 0,
  IN_PROGRESS: 1,
  PAUSED: 2,
  ERROR: 3,
} as const;
export type DmaStatus = (typeof DmaStatus)[keyof typeof DmaStatus];

/** How a transaction ended: `enum dmaengine_tx_result`, with the kernel's values. */
export const DmaTransResult = {
  NOERROR: 0,
  READ_FAILED: 1,
  WRITE_FAILED: 2,
  ABORTED: 3,
} as const;
export type DmaTransResult = (typeof DmaTransResult)[keyof typeof DmaTransResult];

const RESULT_WORDS = [
  "completed",
  "failed reading its source",
  "failed writing its destination",
  "was aborted",
];

/** The result in words, for messages: "the transfer …". */
export function resultInWords(result: DmaTransResult): string {
  return RESULT_WORDS[result] as string;
}

/**
 * Where a validating operation (xorVal, pqVal) leaves its verdict: `enum sum_check_flags`.
 * The client owns it, hands it to the prep call and reads it after completion; 0 means the sums check out.
 */
export class SumCheck {
  flags = 0;
  /** Whether the xor sum, or P, did not match. */
  get pFailed(): boolean {
    return (this.flags & SUM_CHECK_P_RESULT) !== 0;
  }
  /** Whether Q did not match. */
  get qFailed(): boolean {
    return (this.flags & SUM_CHECK_Q_RESULT) !== 0;
  }
}
/** In {@link SumCheck.flags}: the xor sum, or P, did not match. */
export const SUM_CHECK_P_RESULT = 1;
/** In {@link SumCheck.flags}: Q did not match. */
export const SUM_CHECK_Q_RESULT = 2;
