/** The operations that the driver knows. */
export type MvXorOperation = "memcpy" | "xor" | "memset" | "pq" | "interrupt";

/** What makes one kind of the engine, with the driver that Linux has for it, differ from another. */
export interface MvXorVariant {
  /** Hardware: whether a descriptor can say what is to be done with it (mode IN_DESC), PQ among it. */
  readonly operationInDescriptor: boolean;
  /**
   * Driver: whether a copy is an XOR of one source, as in Linux from 3.14 on, so that the mode of the channel never changes. If not, a
   * copy behind an XOR, or the other way round, waits until the channel is idle.
   */
  readonly copyIsXor: boolean;
  /** Driver: what it offers. */
  readonly operations: readonly MvXorOperation[];
  /** Driver: descriptors of a channel. */
  readonly poolSize: number;
}

/** The kinds that can be simulated. */
export const MV_XOR_VARIANTS = {
  /** Orion and Kirkwood, as Linux 3.10 drives them (`marvell,orion-xor`). */
  orion: {
    operationInDescriptor: false,
    copyIsXor: false,
    operations: ["memcpy", "xor", "memset"],
    poolSize: 64,
  },
  /** Armada 370 and XP: the same hardware, as Linux 4.19 drives it. */
  "armada-xp": {
    operationInDescriptor: false,
    copyIsXor: true,
    operations: ["memcpy", "xor", "interrupt"],
    poolSize: 3072,
  },
  /** Armada 38x (`marvell,armada-380-xor`), with the PQ of the series of 2015. */
  "armada-38x": {
    operationInDescriptor: true,
    copyIsXor: true,
    operations: ["memcpy", "xor", "pq", "interrupt"],
    poolSize: 3072,
  },
} as const satisfies Record<string, MvXorVariant>;

export type MvXorVariantName = keyof typeof MV_XOR_VARIANTS;
