import {
  CH_CONFIG,
  CONTROL_TRANSFER_SIZE_MASK,
  PL080S_CH_CONFIG,
  PL080S_CONTROL_TRANSFER_SIZE_MASK,
} from "./datasheet.js";

/** What makes one part of the family differ from another (`struct vendor_data`). The driver half finds it by the part's identification. */
export interface Pl08xVariant {
  /** The identification registers, and which of their bits tell the part. */
  readonly periphid: number;
  readonly periphidMask: number;
  /** Physical channels. */
  readonly channels: number;
  /** DMA request signals. */
  readonly signals: number;
  /** AHB masters. */
  readonly masters: 1 | 2;
  /** Most source accesses of one linked list item. */
  readonly maxTransferSize: number;
  /** The transfer size stands in a control register of its own; items have eight words instead of four. */
  readonly control2: boolean;
  /** Offset of the configuration in a channel's block. */
  readonly configOffset: number;
  /** A peripheral may say how much is moved. */
  readonly peripheralFlowControl: boolean;
}

const PL080: Pl08xVariant = {
  periphid: 0x0004_1080,
  periphidMask: 0x000f_ffff,
  channels: 8,
  signals: 16,
  masters: 2,
  maxTransferSize: CONTROL_TRANSFER_SIZE_MASK,
  control2: false,
  configOffset: CH_CONFIG,
  peripheralFlowControl: true,
};

/** The parts that can be simulated. An identification is looked up in this order: the PL080S answers to the PL080's, too. */
export const PL08X_VARIANTS = {
  /** Samsung's, in the S3C64xx. Linux uses one of its masters only, so that is all there is here. */
  pl080s: {
    ...PL080,
    periphid: 0x0a14_1080,
    periphidMask: 0xffff_ffff,
    signals: 32,
    masters: 1,
    maxTransferSize: PL080S_CONTROL_TRANSFER_SIZE_MASK,
    control2: true,
    configOffset: PL080S_CH_CONFIG,
    peripheralFlowControl: false,
  },
  pl080: PL080,
  pl081: { ...PL080, periphid: 0x0004_1081, channels: 2, masters: 1 },
} as const satisfies Record<string, Pl08xVariant>;

export type Pl08xVersion = keyof typeof PL08X_VARIANTS;

/** Size of a linked list item. */
export function lliBytes(variant: Pl08xVariant): number {
  return variant.control2 ? 32 : 16;
}
