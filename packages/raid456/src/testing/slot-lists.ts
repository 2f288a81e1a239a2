import { SlotList } from "../stripe/slot-list.js";

/** A list of these slots. */
export function slotList(...slots: readonly number[]): SlotList {
  const list = new SlotList();
  for (const slot of slots) list.add(slot);
  return list;
}
