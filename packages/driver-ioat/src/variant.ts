import { DMACAP_PQ, DMACAP_XOR } from "./datasheet.js";

/** What makes one version of the hardware differ from another. The driver half sees it in registers only. */
export interface IoatVariant {
  /** The VER register: [7:4] major, [3:0] minor. */
  readonly version: number;
  /** The DMACAP register. */
  readonly capabilities: number;
  /** The XFERCAP register: log2 of the longest transfer of one descriptor, in bytes. */
  readonly xfercapLog2: number;
  /**
   * The copy engine and the RAID engine write their completions on two paths, and the RAID engine's may arrive first
   * (why the driver puts a null descriptor behind every RAID operation before version 3.3).
   */
  readonly raidCompletionOvertakes: boolean;
}

/** The versions that can be simulated. */
export const IOAT_VARIANTS = {
  "3.2": {
    version: 0x32,
    capabilities: DMACAP_XOR | DMACAP_PQ,
    // Assumed: the kernel's definitions name 4 KiB to 32 KiB, a driver takes any power of two.
    xfercapLog2: 20,
    raidCompletionOvertakes: true,
  },
} as const satisfies Record<string, IoatVariant>;

export type IoatVersion = keyof typeof IOAT_VARIANTS;
