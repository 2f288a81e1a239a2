/** Bits of the superblock's feature_map: `MD_FEATURE_*` of the kernel's `include/uapi/linux/raid/md_p.h`. */
export const Feature = {
  /** The array has an internal write-intent bitmap. */
  BITMAP_OFFSET: 0x001,
  /** This member is being rebuilt; recovery_offset is valid. */
  RECOVERY_OFFSET: 0x002,
  /** A reshape is under way. */
  RESHAPE_ACTIVE: 0x004,
  /** This member's bad-block list is not empty. */
  BAD_BLOCKS: 0x008,
  /** This member is to replace the one that has the same role. */
  REPLACEMENT: 0x010,
  /** The reshape runs from the end to the start. */
  RESHAPE_BACKWARDS: 0x020,
  /** The reshape moves the data to another data_offset. */
  NEW_OFFSET: 0x040,
  /** The rebuild of this member is guided by the bitmap. */
  RECOVERY_BITMAP: 0x080,
  /** The array is shared by a cluster. */
  CLUSTERED: 0x100,
  /** The array has a journal device. */
  JOURNAL: 0x200,
  /** The array has a partial parity log. */
  PPL: 0x400,
  /** As PPL, with several logs in a ring. */
  MULTIPLE_PPLS: 0x800,
  /** The layout field of a raid0 array is meaningful. */
  RAID0_LAYOUT: 0x1000,
} as const;

const ALL_KNOWN = Object.values(Feature).reduce((all, bit) => all | bit, 0);

/** The names of the bits that are set, unknown ones as "bit 0x…", in ascending order. */
export function featureNames(featureMap: number): string[] {
  const names: string[] = Object.entries(Feature)
    .filter(([, bit]) => (featureMap & bit) !== 0)
    .map(([name]) => name);
  for (let shift = 0; shift < 32; shift++) {
    const bit = (1 << shift) >>> 0;
    if ((featureMap & bit & ~ALL_KNOWN) !== 0) names.push(`bit 0x${bit.toString(16)}`);
  }
  return names;
}

/** Why no array may have this combination of features (kernel: `super_1_load`), or undefined if one may. */
export function featureMapFault(featureMap: number, level: number): string | undefined {
  const unknown = featureMap & ~ALL_KNOWN;
  if (unknown !== 0) return `unknown features ${featureNames(unknown >>> 0).join(", ")}`;
  const ppl = featureMap & (Feature.PPL | Feature.MULTIPLE_PPLS);
  if (ppl !== 0 && (featureMap & (Feature.BITMAP_OFFSET | Feature.JOURNAL)) !== 0) {
    return `features that exclude each other: ${featureNames(featureMap).join(", ")}`;
  }
  if (ppl === (Feature.PPL | Feature.MULTIPLE_PPLS)) return "PPL and MULTIPLE_PPLS exclude each other";
  if ((featureMap & Feature.RAID0_LAYOUT) !== 0 && level !== 0) return `RAID0_LAYOUT on level ${level}`;
  return undefined;
}
