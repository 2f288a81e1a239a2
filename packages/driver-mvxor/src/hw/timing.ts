/**
 * How long things take, in nanoseconds of virtual time. All assumed, and no result depends on them.
 *
 * @module
 */

/** From fetching a descriptor to its first byte. */
export const DESCRIPTOR_NANOS = 200;
/** Rate at which the engine reads and writes memory, all operands together. */
export const BYTES_PER_NANO = 2;
