/**
 * Cookies: increasing numbers that name the transactions of one channel, after drivers/dma/dmaengine.h.
 * They are signed 32-bit integers; the channel starts at 1, so the first one handed out is 2, and after
 * 2^31 - 1 they start over at 1.
 *
 * @module
 */

/** Names one submitted transaction of one channel. Positive. */
export type DmaCookie = number;

/** What a channel's counters hold before the first transaction (`dma_cookie_init`). */
export const DMA_COOKIE_INIT: DmaCookie = 1;
/** The cookie of a descriptor that is prepared and not yet submitted (`-EBUSY`). */
export const DMA_COOKIE_BUSY: DmaCookie = -16;

const MAX_COOKIE = 0x7fffffff;

/** The cookie after `cookie`, wrapping to 1 (`dma_cookie_assign`). */
export function nextCookie(cookie: DmaCookie): DmaCookie {
  return cookie === MAX_COOKIE ? 1 : cookie + 1;
}

/**
 * Whether `cookie` is complete, given the last completed and the last assigned cookie of its channel
 * (`dma_async_is_complete`). Completion is a watermark: everything up to `last` is complete.
 * Unlike the original, an unsubmitted cookie (-EBUSY) never counts as complete.
 */
export function isComplete(cookie: DmaCookie, last: DmaCookie, used: DmaCookie): boolean {
  if (cookie < 1) return false;
  if (last <= used) return cookie <= last || cookie > used;
  return cookie <= last && cookie > used;
}
