/** The operations that the driver knows. */
export type IopOperation = "memcpy" | "memset" | "xor" | "xorVal" | "pq" | "pqVal" | "interrupt";

const PQ: readonly IopOperation[] = ["pq", "pqVal"];

/** One unit of a processor. */
export interface UnitVariant {
  readonly kind: "dma" | "aau" | "adma";
  /** Where its block of registers begins, in the peripheral window. */
  readonly base: number;
  /** What it can do (arch/arm/plat-iop/adma.c, arch/arm/mach-iop13xx/setup.c, which gives P+Q to the third ADMA unit alone). */
  readonly operations: readonly IopOperation[];
  /** Memory for its descriptors: so many pages of 4096 bytes. */
  readonly poolPages: number;
}

const DMA = { kind: "dma", operations: ["memcpy", "interrupt"], poolPages: 1 } as const;
const AAU = { kind: "aau", base: 0x800, poolPages: 3 } as const;
const ADMA = {
  kind: "adma",
  operations: ["memcpy", "xor", "xorVal", "memset", "pq", "pqVal", "interrupt"],
  poolPages: 1,
} as const;

const DMA_CHANNELS = [
  { ...DMA, base: 0x400 },
  { ...DMA, base: 0x440 },
] as const;

/** The processors that can be simulated, as data: the units of each, in the order of their numbers. */
export const IOP_VARIANTS = {
  iop32x: [...DMA_CHANNELS, { ...AAU, operations: ["xor", "memset", "interrupt"] }],
  iop33x: [...DMA_CHANNELS, { ...AAU, operations: ["xor", "xorVal", "memset", "interrupt"] }],
  iop13xx: [
    { ...ADMA, base: 0x000 },
    { ...ADMA, base: 0x200 },
    { ...ADMA, base: 0x400 },
  ],
} as const satisfies Record<string, readonly UnitVariant[]>;

/** A family of processors: iop32x is the 80321, iop33x the 80331, iop13xx the 8134x. */
export type IopSoc = keyof typeof IOP_VARIANTS;

/** The same unit without P+Q. */
export function withoutPq(unit: UnitVariant): UnitVariant {
  return { ...unit, operations: unit.operations.filter((operation) => !PQ.includes(operation)) };
}

/** Whether a unit has P+Q. */
export function hasPq({ operations }: UnitVariant): boolean {
  return PQ.some((operation) => operations.includes(operation));
}
