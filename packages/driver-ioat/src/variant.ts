import {
  DMACAP_DWBES,
  DMACAP_FILL_BLOCK,
  DMACAP_PQ,
  DMACAP_RAID16SS,
  DMACAP_XOR,
  VER_1_2,
  VER_2_0,
  VER_3_0,
  VER_3_2,
  VER_3_3,
} from "./datasheet.js";

/** What makes one version of the hardware differ from another. The driver half sees it in registers only. */
export interface IoatVariant {
  /** The VER register: [7:4] major, [3:0] minor. */
  readonly version: number;
  /**
   * How a chain of descriptors goes on. A list ends where a descriptor has no next one, until APPEND tells that it has; a ring never
   * ends, and DMACOUNT tells how far it may be followed.
   */
  readonly chain: "list" | "ring";
  /** The DMACAP register. Null: there is none. */
  readonly capabilities: number | null;
  /** The XFERCAP register: log2 of the longest transfer of one descriptor, in bytes. */
  readonly xfercapLog2: number;
  /**
   * The copy engine and the RAID engine write their completions on two paths, and the RAID engine's may arrive first
   * (why the driver puts a null descriptor behind every RAID operation before version 3.3).
   */
  readonly raidCompletionOvertakes: boolean;
  /** Whether INTRDELAY holds interrupts up, so that several become one. */
  readonly coalescesInterrupts: boolean;
  /** Whether errors are also kept in CHANERR_INT, in PCI configuration space. */
  readonly hasChanerrInt: boolean;
}

/**
 * The versions that can be simulated, as drivers/dma/ioat knows them. No data sheet was at hand for XFERCAP: 32 KiB is the
 * longest that registers.h has a name for, and a driver takes any power of two. Nor for which versions coalesce: Linux sets INTRDELAY from
 * version 3.0 on.
 */
export const IOAT_VARIANTS = {
  "1.2": {
    version: VER_1_2,
    chain: "list",
    capabilities: null,
    xfercapLog2: 15,
    raidCompletionOvertakes: false,
    coalescesInterrupts: false,
    hasChanerrInt: false,
  },
  "2.0": {
    version: VER_2_0,
    chain: "ring",
    capabilities: null,
    xfercapLog2: 15,
    raidCompletionOvertakes: false,
    coalescesInterrupts: false,
    hasChanerrInt: false,
  },
  "3.0": {
    version: VER_3_0,
    chain: "ring",
    capabilities: 0,
    xfercapLog2: 20,
    raidCompletionOvertakes: false,
    coalescesInterrupts: true,
    hasChanerrInt: true,
  },
  "3.2": {
    version: VER_3_2,
    chain: "ring",
    capabilities: DMACAP_FILL_BLOCK | DMACAP_XOR | DMACAP_PQ,
    xfercapLog2: 20,
    raidCompletionOvertakes: true,
    coalescesInterrupts: true,
    hasChanerrInt: true,
  },
  "3.3": {
    version: VER_3_3,
    chain: "ring",
    capabilities: DMACAP_FILL_BLOCK | DMACAP_XOR | DMACAP_PQ | DMACAP_DWBES | DMACAP_RAID16SS,
    xfercapLog2: 20,
    raidCompletionOvertakes: false,
    coalescesInterrupts: true,
    hasChanerrInt: false,
  },
} as const satisfies Record<string, IoatVariant>;

export type IoatVersion = keyof typeof IOAT_VARIANTS;
