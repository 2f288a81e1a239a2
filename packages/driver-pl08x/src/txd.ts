import type { CoherentMemory, DmaAddr } from "@dmaengine/core/driver";
import type { PhysicalMemory } from "@dmaengine/sim";
import {
  AHB2,
  CONTROL_SWIDTH_SHIFT,
  CONTROL_TC_IRQ_EN,
  CONTROL_WIDTH_MASK,
  LLI_ADDR_MASK,
  LLI_CONTROL,
  LLI_CONTROL2,
  LLI_DST,
  LLI_LLI,
  LLI_LM_AHB2,
  LLI_SRC,
} from "./datasheet.js";
import type { AhbBuses } from "./platform-data.js";
import { lliBytes, type Pl08xVariant } from "./variant.js";

/** Items of one transaction, and the last one stays free (`MAX_NUM_TSFR_LLIS`). */
const MAX_LLIS = 512;
/** Most items of one transaction. */
export const USABLE_LLIS = MAX_LLIS - 1;

/** A transaction, in the form that the hardware wants it: a list of items in memory, and the channel's configuration (`struct pl08x_txd`). */
export class Txd {
  /** The channel's CONFIG: flow control, request signals, interrupts. */
  config = 0;
  readonly #variant: Pl08xVariant;
  readonly #memory: CoherentMemory;
  readonly #view: DataView;
  /** What marks an item's address for the master that is to fetch it. */
  readonly #lliMaster: number;
  readonly #itemBytes: number;
  #items = 0;
  #totalBytes = 0;

  constructor(memory: PhysicalMemory, variant: Pl08xVariant, lliBuses: AhbBuses) {
    this.#variant = variant;
    this.#itemBytes = lliBytes(variant);
    this.#lliMaster = (lliBuses & AHB2) !== 0 ? LLI_LM_AHB2 : 0;
    this.#memory = memory.allocCoherent(MAX_LLIS * this.#itemBytes, this.#itemBytes);
    const { buffer, byteOffset, byteLength } = this.#memory.bytes;
    this.#view = new DataView(buffer, byteOffset, byteLength);
  }

  /** Gives its memory back. */
  free(memory: PhysicalMemory): void {
    memory.freeCoherent(this.#memory);
  }

  /** What all items move. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** Starts over, with no items. */
  begin(config: number): void {
    this.config = config;
    this.#items = 0;
    this.#totalBytes = 0;
  }

  /** Adds an item that makes `size` source accesses, to be followed by another one. */
  add(src: DmaAddr, dst: DmaAddr, control: number, size: number): void {
    const item = this.#items++;
    this.#set(item, LLI_SRC, src);
    this.#set(item, LLI_DST, dst);
    this.#set(item, LLI_LLI, this.#addrOf(item + 1));
    if (this.#variant.control2) {
      this.#set(item, LLI_CONTROL, control);
      this.#set(item, LLI_CONTROL2, size);
    } else {
      this.#set(item, LLI_CONTROL, control | size);
    }
    this.#totalBytes += this.#bytesOf(item);
  }

  /** Makes the last item interrupt when it is done. */
  interrupt(): void {
    const last = this.#items - 1;
    this.#set(last, LLI_CONTROL, this.word(LLI_CONTROL, last) | CONTROL_TC_IRQ_EN);
  }

  /** Ends the list with the last item. */
  end(): void {
    this.#set(this.#items - 1, LLI_LLI, 0);
  }

  /** Lets the first item follow the last one. */
  goRound(): void {
    this.#set(this.#items - 1, LLI_LLI, this.#addrOf(0));
  }

  /** Word `n` of an item. */
  word(n: number, item = 0): number {
    return this.#view.getUint32(item * this.#itemBytes + 4 * n, true);
  }

  /**
   * What the items from the one at `lli` to the end of the list move; `lli` is what the channel's register holds. Behind the last item of a ring
   * comes the first one again, and of a list nothing: then, and where the address is none of an item, there is nothing more.
   */
  bytesFrom(lli: number): number {
    const first = (((lli & LLI_ADDR_MASK) >>> 0) - this.#memory.dmaAddr) / this.#itemBytes;
    if (!(Number.isInteger(first) && first > 0)) return 0;
    let bytes = 0;
    for (let item = first; item < this.#items; item++) bytes += this.#bytesOf(item);
    return bytes;
  }

  #bytesOf(item: number): number {
    const control = this.word(LLI_CONTROL, item);
    const size = this.#variant.control2
      ? this.word(LLI_CONTROL2, item)
      : control & this.#variant.maxTransferSize;
    return size << ((control >>> CONTROL_SWIDTH_SHIFT) & CONTROL_WIDTH_MASK);
  }

  #addrOf(item: number): number {
    return this.#memory.dmaAddr + item * this.#itemBytes + this.#lliMaster;
  }

  #set(item: number, n: number, value: number): void {
    this.#view.setUint32(item * this.#itemBytes + 4 * n, value, true);
  }
}
