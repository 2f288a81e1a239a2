/**
 * How long things take, in nanoseconds of virtual time, beside what the platform's costs tell of its engines. All assumed: no data sheet gives
 * them, and no result depends on them. What matters is their order: a copy's completion word stays longer on its way than a short RAID
 * operation takes, so that the latter's can overtake it where the variant says so.
 *
 * @module
 */

/** From the end of a descriptor until its completion word is in memory. */
export const COPY_COMPLETION_NANOS = 500;
export const RAID_COMPLETION_NANOS = 100;
/** By how much a completion word is late that the platform's fault plan holds up: far longer than a descriptor takes. */
export const LATE_COMPLETION_NANOS = 100_000;
