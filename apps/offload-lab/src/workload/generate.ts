import { Geometry, type RaidLevel } from "@dmaengine/raid456";
import { SeededRandom } from "@dmaengine/sim";
import type { ArrayShape, LabRequest, Phase, Workload } from "./workload.js";

const SECTOR_BYTES = 512;
/** Both levels have four data disks, so that their numbers can be compared. */
const RAID_DISKS: Readonly<Record<RaidLevel, number>> = { 4: 5, 5: 5, 6: 6 };

/** How large a workload is. */
export interface WorkloadSize {
  readonly chunkBytes: number;
  /** Bytes of each member. */
  readonly memberBytes: number;
  readonly fullStripeWrites: number;
  readonly partialWrites: number;
  readonly degradedReads: number;
  /** Partial writes and degraded reads are from one sector to this long, in bytes. */
  readonly maxPartialBytes: number;
}

/** Half of each member, which is what the stripe caches hold, is md's default of 256 stripes of 4 KiB. */
export const DEFAULT_SIZE: WorkloadSize = {
  chunkBytes: 64 * 1024,
  memberBytes: 2 * 1024 * 1024,
  fullStripeWrites: 16,
  partialWrites: 64,
  degradedReads: 64,
  maxPartialBytes: 32 * 1024,
};

/**
 * A seeded mix of full-stripe writes, partial writes, a scrub and degraded reads. Writes of one phase don't overlap, so the array's bytes
 * after it don't depend on the order in which they are carried out.
 */
export function generateWorkload(level: RaidLevel, size: WorkloadSize, seed: number): Workload {
  const { chunkBytes, memberBytes } = size;
  const array: ArrayShape = { level, raidDisks: RAID_DISKS[level], chunkBytes, memberBytes };
  const geometry = new Geometry(array);
  const random = new SeededRandom(seed);
  return {
    array,
    contentSeed: random.below(2 ** 32),
    phases: [
      fullStripeWrites(geometry, size.fullStripeWrites, random),
      partialWrites(geometry, size, random),
      { name: "scrub", failing: [], requests: [{ kind: "scrub" }] },
      degradedReads(geometry, size, random),
    ],
  };
}

function fullStripeWrites(
  { stripes, stripeDataBytes }: Geometry,
  count: number,
  random: SeededRandom,
): Phase {
  const numbers = Array.from({ length: stripes }, (_, stripe) => stripe);
  const requests = Array.from({ length: Math.min(count, stripes) }, (): LabRequest => {
    const [stripe = 0] = numbers.splice(random.below(numbers.length), 1);
    const offsetBytes = stripe * stripeDataBytes;
    return { kind: "write", offsetBytes, lengthBytes: stripeDataBytes, contentSeed: random.below(2 ** 32) };
  });
  return { name: "full-stripe writes", failing: [], requests };
}

/** The array is divided among the writes, and each lies somewhere in its part. */
function partialWrites({ arrayBytes }: Geometry, size: WorkloadSize, random: SeededRandom): Phase {
  const { partialWrites: count, maxPartialBytes } = size;
  const partSectors = Math.floor(arrayBytes / SECTOR_BYTES / count);
  const requests = Array.from({ length: count }, (_, part): LabRequest => {
    const sectors = 1 + random.below(Math.min(maxPartialBytes / SECTOR_BYTES, partSectors));
    const first = part * partSectors + random.below(partSectors - sectors + 1);
    return {
      kind: "write",
      offsetBytes: first * SECTOR_BYTES,
      lengthBytes: sectors * SECTOR_BYTES,
      contentSeed: random.below(2 ** 32),
    };
  });
  return { name: "partial writes", failing: [], requests: shuffled(requests, random) };
}

/** As many members fail as the level can do without. */
function degradedReads(geometry: Geometry, size: WorkloadSize, random: SeededRandom): Phase {
  const slots = Array.from({ length: geometry.raidDisks }, (_, slot) => slot);
  const failing = shuffled(slots, random).slice(0, geometry.parityDisks);
  const requests = Array.from({ length: size.degradedReads }, (): LabRequest => {
    const sectors = 1 + random.below(size.maxPartialBytes / SECTOR_BYTES);
    const first = random.below(geometry.arrayBytes / SECTOR_BYTES - sectors + 1);
    return { kind: "read", offsetBytes: first * SECTOR_BYTES, lengthBytes: sectors * SECTOR_BYTES };
  });
  return { name: "degraded reads", failing, requests };
}

function shuffled<T>(items: readonly T[], random: SeededRandom): T[] {
  const rest = [...items];
  return items.map(() => rest.splice(random.below(rest.length), 1)[0] as T);
}
