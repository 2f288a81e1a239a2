import type { DmaTxDescriptor } from "../descriptor.js";
import { DMA_CTRL_ACK, DMA_PREP_INTERRUPT } from "../flags.js";
import type { OperationDefinition } from "./operation.js";

/** An interrupt descriptor carries nothing but its flags. */
export type InterruptArgs = Readonly<Record<never, never>>;

/**
 * A descriptor that moves nothing: it completes when all before it have, and interrupts (`device_prep_dma_interrupt`).
 * Returns null when the channel has no room now. Default flags: {@link DMA_PREP_INTERRUPT} and {@link DMA_CTRL_ACK}.
 */
export type PrepInterrupt = (flags?: number) => DmaTxDescriptor | null;

/** A completion without a transfer: `DMA_INTERRUPT`. */
export interface InterruptOperation {
  args: InterruptArgs;
  limits: Readonly<Record<never, never>>;
  prep: PrepInterrupt;
}

export const interrupt: OperationDefinition<"interrupt"> = {
  name: "interrupt",
  createArgs: () => ({}),
  bind:
    (port) =>
    (flags = DMA_PREP_INTERRUPT | DMA_CTRL_ACK) => {
      const tx = port.begin(flags);
      return tx === null ? null : port.end(tx, 0);
    },
  reads() {},
  writes() {},
  reference() {},
};
