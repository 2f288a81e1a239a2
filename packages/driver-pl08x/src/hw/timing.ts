/**
 * How long things take, in nanoseconds of virtual time. All assumed, after a bus at 100 MHz, and no result depends on them.
 *
 * @module
 */

/** One access of an AHB master. */
export const AHB_ACCESS_NANOS = 10;
/** From a request to the first access of its burst. */
export const ARBITRATION_NANOS = 20;
/** Fetching a linked list item. */
export const LLI_FETCH_NANOS = 60;
