import { Feature } from "./feature-map.js";
import { SUPERBLOCK_BYTES, type Superblock1 } from "./superblock-1.js";

const LEVEL_NAMES: Readonly<Record<number, string>> = {
  [-4]: "multipath",
  [-1]: "linear",
  0: "raid0",
  1: "raid1",
  10: "raid10",
};

/** Why an array can't even be read by this package, or undefined if it can. */
export function unsupported({ level, featureMap }: Superblock1): string | undefined {
  if (![4, 5, 6].includes(level)) {
    return `level ${LEVEL_NAMES[level] ?? level} is not supported, only raid4, raid5 and raid6`;
  }
  if ((featureMap & Feature.CLUSTERED) !== 0) return "clustered arrays are not supported";
  // Data that was acknowledged may be in the journal and nowhere else.
  if ((featureMap & Feature.JOURNAL) !== 0) return "arrays with a journal device are not supported yet";
  const reshaping = Feature.RESHAPE_ACTIVE | Feature.RESHAPE_BACKWARDS | Feature.NEW_OFFSET;
  if ((featureMap & reshaping) !== 0)
    return "a reshape is under way, which is not supported yet; let Linux finish it";
  return undefined;
}

/**
 * Why an array can be read but not written, going by one member's superblock, or undefined if it can be
 * written.
 */
export function readOnlyFeature({ featureMap, logicalBlockBytes }: Superblock1): string | undefined {
  if ((featureMap & Feature.BITMAP_OFFSET) !== 0) {
    return "it has a write-intent bitmap, which would no longer tell the truth; `mdadm --grow --bitmap=none` removes it";
  }
  if ((featureMap & (Feature.PPL | Feature.MULTIPLE_PPLS)) !== 0) {
    return "it has a partial parity log, which is not supported for writing yet";
  }
  if (logicalBlockBytes > SUPERBLOCK_BYTES) {
    return `its logical blocks of ${logicalBlockBytes} bytes are larger than a superblock`;
  }
  return undefined;
}
