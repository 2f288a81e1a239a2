/** Longest transfer, in bytes: long enough for one call to cost little, short enough for several to be in flight. */
const MAX_TRANSFER_BYTES = 1024 * 1024;

/** Memory that is read from, or written to, one place of one member. */
export interface Transfer<Item> {
  readonly slot: number;
  /** Where it begins in the member's data, in bytes. */
  readonly memberOffset: number;
  lengthBytes: number;
  readonly vector: Uint8Array[];
  /** What the pieces of memory are, in the same order. */
  readonly items: Item[];
}

/**
 * Gathers pieces of memory into transfers: those that follow each other on a member become one, as the block layer's plug does it.
 * The pieces of one member have to come in order.
 */
export class Transfers<Item> {
  readonly all: Transfer<Item>[] = [];
  /** The last transfer of each slot. */
  readonly #last: (Transfer<Item> | undefined)[] = [];

  add(slot: number, memberOffset: number, memory: Uint8Array, item: Item): void {
    const last = this.#last[slot];
    if (
      last !== undefined &&
      last.memberOffset + last.lengthBytes === memberOffset &&
      last.lengthBytes + memory.length <= MAX_TRANSFER_BYTES
    ) {
      last.lengthBytes += memory.length;
      last.vector.push(memory);
      last.items.push(item);
      return;
    }
    const transfer = { slot, memberOffset, lengthBytes: memory.length, vector: [memory], items: [item] };
    this.#last[slot] = transfer;
    this.all.push(transfer);
  }
}
