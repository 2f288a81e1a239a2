import type { CoherentMemory, DmaTx } from "@dmaengine/core/driver";
import { CTL_OP_SHIFT, DESCRIPTOR_BYTES, FIELD_NEXT } from "./datasheet.js";
import { DescriptorBlock } from "./descriptor-block.js";

/** A descriptor, and what the driver notes about it (`struct ioat_ring_ent`). Made once, filled again and again. */
export class RingEntry extends DescriptorBlock {
  /** Whose it is; null: the driver's own, or nobody's. */
  owner: DmaTx | null = null;
  /** Whether its owner is complete with it. */
  completes = false;
  /** Whether the next entry is its extension. */
  extended = false;
  /** Whether the hardware leaves a verdict in it. */
  writesBack = false;
  /** Its super extended descriptor: made when it is first needed, and kept. */
  sed: DescriptorBlock | null = null;

  constructor(memory: CoherentMemory, offsetBytes: number) {
    super(memory, offsetBytes, DESCRIPTOR_BYTES);
  }

  /** Begins a descriptor; its other fields are to be filled in. */
  begin(sizeBytes: number, control: number, owner: DmaTx | null, completes: boolean): void {
    this.view.setUint32(0, sizeBytes, true);
    this.view.setUint32(4, control, true);
    this.owner = owner;
    this.completes = completes;
    this.extended = false;
    this.writesBack = false;
  }

  /** Makes `next` the descriptor behind this one; null ends the list. */
  link(next: RingEntry | null): void {
    this.setAddress(FIELD_NEXT, next === null ? 0 : next.addr);
  }

  get op(): number {
    return this.view.getUint32(4, true) >>> CTL_OP_SHIFT;
  }

  /** What stands in the place of the size once a check has left its verdict there. */
  get status(): number {
    return this.view.getUint32(0, true);
  }

  /** How many entries of the ring it takes. */
  get span(): number {
    return this.extended ? 2 : 1;
  }
}
