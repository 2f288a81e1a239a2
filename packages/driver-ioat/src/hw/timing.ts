/**
 * How long things take, in nanoseconds of virtual time. All assumed: no data sheet gives them, and no result depends on them.
 * What matters is their order: a copy's completion word stays longer on its way than a short RAID operation takes, so that the latter's
 * can overtake it where the variant says so.
 *
 * @module
 */

/** From fetching a descriptor to its first byte. */
export const DESCRIPTOR_NANOS = 100;
/** Rate of the copy engine. */
export const COPY_BYTES_PER_NANO = 4;
/** Rate at which the RAID engine reads its sources. */
export const RAID_BYTES_PER_NANO = 8;
/** From the end of a descriptor until its completion word is in memory. */
export const COPY_COMPLETION_NANOS = 500;
export const RAID_COMPLETION_NANOS = 100;
