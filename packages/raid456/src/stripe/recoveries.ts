import type { StripeRow } from "../layout.js";
import { sameSlots } from "./segments.js";
import { Recovery } from "./syndrome.js";

/** Recoveries, the latest of each row: what is missing changes seldom, and then in all stripes. */
export class Recoveries {
  readonly #latest = new Map<StripeRow, Recovery>();

  /** How the blocks in `wanted`, a part of `missing`, are computed. */
  get(row: StripeRow, missing: readonly number[], wanted: readonly number[]): Recovery {
    const latest = this.#latest.get(row);
    if (latest !== undefined && sameSlots(latest.missing, missing) && sameSlots(latest.wanted, wanted)) {
      return latest;
    }
    const recovery = new Recovery(row, missing, wanted);
    this.#latest.set(row, recovery);
    return recovery;
  }
}
