import type { DmaDriver } from "@dmaengine/core";
import type { Harness } from "./time.js";

/** No case has more drivers at a time. */
const MOST_AT_A_TIME = 2;

/**
 * For engines on simulated machines whose clock is stepped: the options `driver` and `harness` of {@link conformance}. Every driver is on a
 * machine of its own, and the kit lets the time of those pass that the case which runs has.
 */
export function onSteppedPlatforms<Platform extends { readonly clock: { runNext(): boolean } }>(
  platform: () => Platform,
  driver: (platform: Platform) => DmaDriver,
): { driver(): DmaDriver; harness: Pick<Required<Harness>, "letTimePass"> } {
  const latest: Platform[] = [];
  return {
    driver() {
      const own = platform();
      latest.unshift(own);
      latest.length = Math.min(latest.length, MOST_AT_A_TIME);
      return driver(own);
    },
    harness: {
      letTimePass() {
        for (const { clock } of latest) clock.runNext();
      },
    },
  };
}
