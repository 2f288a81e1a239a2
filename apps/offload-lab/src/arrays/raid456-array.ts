import { MemoryMember, RaidArray } from "@dmaengine/raid456";
import type { Bench } from "../machine/bench.js";
import type { LabArray, LabArrayOptions } from "./lab-array.js";

const ROW_SECTORS = 8;

/** raid456, over members in memory. */
export function openRaid456(bench: Bench, { shape, members, cacheBytes }: LabArrayOptions): LabArray {
  const array = new RaidArray({
    ...shape,
    members: members.map((bytes) => ({ device: new MemoryMember(bytes), dataOffsetBytes: 0 })),
    engine: bench.engine,
    // Chunks of the laboratory are short, so a page of the cache is a whole one.
    cacheStripes: cacheBytes / shape.chunkBytes,
    offload: { onCpuWork: bench.cpuWork },
  });
  return {
    scenario: array.offloadStats().scenario,
    explain: () => array.explain(),
    get channelSwitches() {
      return array.offloadStats().channelSwitches;
    },
    // Requests are mapped in the one direction that they need.
    get stripePageMaps() {
      return bench.bidirectionalMaps;
    },
    write: (offset, from) => array.write(offset, from),
    read: (offset, into) => array.read(offset, into),
    scrub: async () => (await array.check()).mismatchSectors / ROW_SECTORS,
    fail: (slot) => array.fail(slot),
    close: async () => array.close(),
  };
}
