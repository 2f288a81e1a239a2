import { layoutName, layoutNumbers } from "@dmaengine/raid456";

/** An array that mdadm and mdraid are to agree about. */
export interface ArrayCase {
  readonly title: string;
  readonly level: 4 | 5 | 6;
  /** The layout's name, which mdadm and mdraid share. RAID-4 has none. */
  readonly layout?: string;
  readonly chunkKib: number;
  readonly raidDevices: number;
  /** Size of one member, metadata included. */
  readonly memberSizeKib: number;
}

/** The matrix that most tests go through. RAID-6 has three data chunks in a stripe, so that a mistake in any of Q's powers of g shows. */
export const arrayCases: readonly ArrayCase[] = [
  raid(4, { chunkKib: 32, raidDevices: 4 }),
  raid(5, { layout: "left-symmetric", chunkKib: 64, raidDevices: 4 }),
  raid(6, { layout: "left-symmetric", chunkKib: 64, raidDevices: 5 }),
];

/** Every layout that md has, small, and with the smallest chunk. */
export const everyLayout: readonly ArrayCase[] = ([4, 5, 6] as const).flatMap((level) =>
  layoutNumbers(level).map((layout) => {
    const name = level === 4 ? {} : { layout: layoutName(level, layout) as string };
    return raid(level, { ...name, chunkKib: 4, raidDevices: level === 6 ? 5 : 4 }, 4 * 1024);
  }),
);

function raid(
  level: ArrayCase["level"],
  geometry: Pick<ArrayCase, "layout" | "chunkKib" | "raidDevices">,
  // Not a multiple of any chunk: there is space on each member that the array doesn't use.
  memberSizeKib = 16 * 1024 + 20,
): ArrayCase {
  const { layout, chunkKib, raidDevices } = geometry;
  const title = [`RAID-${level}`, layout, `${raidDevices} members`, `${chunkKib} KiB chunks`]
    .filter((part) => part !== undefined)
    .join(", ");
  return { title, level, memberSizeKib, ...geometry };
}

/** How many members an array of this level can do without. */
export function parityDisks({ level }: ArrayCase): 1 | 2 {
  return level === 6 ? 2 : 1;
}

/** The options that `mdadm --create` and `mdraid create` have in common. */
export function createOptions(arrayCase: ArrayCase): string[] {
  const { level, layout, chunkKib, raidDevices } = arrayCase;
  return [
    `--level=${level}`,
    `--raid-devices=${raidDevices}`,
    `--chunk=${chunkKib}K`,
    "--metadata=1.2",
    ...(layout === undefined ? [] : [`--layout=${layout}`]),
  ];
}

/** Every set of 1 to `most` of the slots 0 … `slots` - 1. */
export function subsets(slots: number, most: 1 | 2): number[][] {
  const all = Array.from({ length: slots }, (_, slot) => slot);
  const pairs = all.flatMap((a) => all.slice(a + 1).map((b) => [a, b]));
  return [...all.map((slot) => [slot]), ...(most === 2 ? pairs : [])];
}
