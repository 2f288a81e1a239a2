/**
 * How long things take, in nanoseconds of virtual time. All assumed: no data sheet gives them, and no result depends on them.
 *
 * @module
 */

/** From fetching a descriptor to its first byte. */
export const DESCRIPTOR_NANOS = 200;
/** What the internal bus carries: every byte of every source and every byte written. */
export const BUS_BYTES_PER_NANO = 1;
