/** One row of the matrix that every test goes through. */
export interface ArrayCase {
  readonly title: string;
  readonly level: 4 | 5 | 6;
  /** The layout's name, which mdadm and mdraid share. RAID-4 has none. */
  readonly layout?: string;
  readonly chunkKib: number;
  readonly raidDevices: number;
  /** Size of one member with its metadata. */
  readonly memberSizeMib: number;
}

// The smallest numbers that tell the levels' mistakes apart: RAID-6 with three data chunks in a stripe, so that the
// powers of g in Q are all different; a number of members with which the last stripes end in a different place.
export const arrayCases: readonly ArrayCase[] = [
  raid(4, { chunkKib: 32, raidDevices: 4 }),
  raid(5, { layout: "left-symmetric", chunkKib: 64, raidDevices: 4 }),
  raid(6, { layout: "left-symmetric", chunkKib: 64, raidDevices: 5 }),
];

function raid(
  level: ArrayCase["level"],
  geometry: Pick<ArrayCase, "layout" | "chunkKib" | "raidDevices">,
): ArrayCase {
  const { layout, chunkKib, raidDevices } = geometry;
  const title = [`RAID-${level}`, layout, `${raidDevices} members`, `${chunkKib} KiB chunks`]
    .filter((part) => part !== undefined)
    .join(", ");
  return { title, level, memberSizeMib: 16, ...geometry };
}

/** How many members an array of this level can do without. */
export function parityDisks({ level }: ArrayCase): 1 | 2 {
  return level === 6 ? 2 : 1;
}

/** The options that `mdadm --create` and `mdraid create` have in common. */
export function createOptions(arrayCase: ArrayCase): string[] {
  const { level, layout, chunkKib, raidDevices } = arrayCase;
  return [
    ...[
      "--level",
      `${level}`,
      "--raid-devices",
      `${raidDevices}`,
      "--chunk",
      `${chunkKib}K`,
      "--metadata",
      "1.2",
    ],
    ...(layout === undefined ? [] : ["--layout", layout]),
  ];
}

/** Every set of 1 to `most` of the slots 0 … `slots` - 1. */
export function subsets(slots: number, most: 1 | 2): number[][] {
  const all = Array.from({ length: slots }, (_, slot) => slot);
  const pairs = all.flatMap((a) => all.slice(a + 1).map((b) => [a, b]));
  return [...all.map((slot) => [slot]), ...(most === 2 ? pairs : [])];
}
