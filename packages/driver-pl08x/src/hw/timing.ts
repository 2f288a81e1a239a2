/** How much longer an item takes where the fault plan says that it completes late. Assumed. */
export const LATE_NANOS = 100_000;
