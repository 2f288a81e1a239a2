import type { StripeRow } from "../layout.js";
import type { SlotList } from "./slot-list.js";
import { Recovery } from "./syndrome.js";

/** Recoveries, the latest of each row: what is missing changes seldom, and then in all stripes. */
export class Recoveries {
  readonly #latest = new Map<StripeRow, Recovery>();

  /** How the blocks in `wanted`, a part of `missing`, are computed. */
  get(row: StripeRow, missing: SlotList, wanted: SlotList): Recovery {
    const latest = this.#latest.get(row);
    if (latest !== undefined && missing.equals(latest.missing) && wanted.equals(latest.wanted)) {
      return latest;
    }
    const recovery = new Recovery(row, missing.toArray(), wanted.toArray());
    this.#latest.set(row, recovery);
    return recovery;
  }
}
