import { RaidError } from "./errors.js";

/** What an operation rejects with when its caller has aborted it. */
export function abortedError(signal: AbortSignal): RaidError {
  return new RaidError("ERR_RAID_ABORTED", "the operation was aborted", { cause: signal.reason });
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortedError(signal);
}
