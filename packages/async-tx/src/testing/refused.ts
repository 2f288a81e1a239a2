import { AsyncTxError, type AsyncTxErrorCode } from "../index.js";

/** The error that `act` rejects with, which must be an AsyncTxError with this code. */
export async function refused(code: AsyncTxErrorCode, act: Promise<unknown>): Promise<AsyncTxError> {
  try {
    await act;
  } catch (error) {
    if (AsyncTxError.isInstance(error) && error.code === code) return error;
    throw error;
  }
  throw new Error(`expected ${code}, but nothing was thrown`);
}
