/** Which way the device moves data: `enum dma_data_direction`, with the kernel's values. A promise about the *device*. */
export const DmaDirection = {
  /** The device reads and writes. */
  BIDIRECTIONAL: 0,
  /** The device only reads. */
  TO_DEVICE: 1,
  /** The device only writes. */
  FROM_DEVICE: 2,
} as const;
export type DmaDirection = (typeof DmaDirection)[keyof typeof DmaDirection];

const NAMES = ["BIDIRECTIONAL", "TO_DEVICE", "FROM_DEVICE"] as const;

/** The direction's name, for messages. */
export function directionName(direction: DmaDirection): string {
  return NAMES[direction];
}
