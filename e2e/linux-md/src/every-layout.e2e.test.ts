import { expect } from "vitest";
import { type ArrayCase, createOptions, everyLayout, parityDisks, subsets } from "./support/array-case.js";
import { firstDifference, sha256 } from "./support/bytes.js";
import { describeWithLinux, test } from "./support/linux-test.js";
import { mdraid } from "./support/mdraid.js";
import { randomBytes, seed } from "./support/random-bytes.js";
import { guestDisks, type Workbench } from "./support/workbench.js";

/** Disks of one boot: their names are one letter long, and a PCI bus has 32 places. */
const MOST_DISKS = 25;

/** A boot has several arrays to do. */
const SLOW = { timeoutSeconds: 300 };

/** One array of a boot: its images, and what the guest calls their disks. */
interface Part {
  readonly arrayCase: ArrayCase;
  readonly members: readonly string[];
  readonly disks: readonly string[];
}

describeWithLinux(`every layout of RAID-4, 5 and 6 (seed ${seed})`, () => {
  // A boot takes longer than an array of this size, so several share one.
  const shared = boots(everyLayout).map((arrayCases) => ({
    arrayCases,
    titles: arrayCases.map(({ title }) => title).join("; "),
  }));
  test.for(shared)("each side reads what the other wrote: $titles", async ({ arrayCases }, { workbench }) => {
    const parts = await makeParts(workbench, arrayCases);
    const everyMember = parts.flatMap(({ members }) => members);
    await workbench.write("random", randomBytes("content", 64 << 20));

    const created = await workbench.linux(everyMember, parts.map(createAndFill).join("\n"), SLOW);
    const contents = parts.map((_, i) => {
      const content = randomBytes("content", Number(created.values[`size_${i}`]));
      expect(created.values[`sha256_${i}`]).toBe(sha256(content));
      return content;
    });

    for (const [i, { arrayCase, members }] of parts.entries()) {
      const content = contents[i] as Buffer;
      for (const withheld of [[], ...subsets(arrayCase.raidDevices, parityDisks(arrayCase))]) {
        const given = members.filter((_, slot) => !withheld.includes(slot));
        const read = await mdraid(["read", ...given]);
        expect(firstDifference(read, content), `${arrayCase.title} without ${withheld}`).toBeUndefined();
      }
      const [offset, length] = [12_345, 1_234_567];
      const written = randomBytes(arrayCase.title, length);
      written.copy(content, offset);
      await mdraid(["write", ...members, "--offset", `${offset}`], { stdin: written });
    }

    const judged = await workbench.linux(
      everyMember,
      parts.map(({ disks }, i) => `judge ${disks.join(" ")} | sed "s/=/_${i}=/"`).join("\n"),
      SLOW,
    );
    for (const [i, { arrayCase }] of parts.entries()) {
      expect(judged.values[`sha256_${i}`], arrayCase.title).toBe(sha256(contents[i] as Buffer));
      expect(judged.values[`mismatches_${i}`], arrayCase.title).toBe("0");
    }
    expect(judged.console).not.toMatch(/md: (resync|recovery)/);
  });
});

/** Puts the cases into as few boots as there is room for. */
function boots(arrayCases: readonly ArrayCase[]): ArrayCase[][] {
  const all: ArrayCase[][] = [];
  let free = 0;
  for (const arrayCase of arrayCases) {
    if (free < arrayCase.raidDevices) {
      all.push([]);
      free = MOST_DISKS;
    }
    all.at(-1)?.push(arrayCase);
    free -= arrayCase.raidDevices;
  }
  return all;
}

async function makeParts(workbench: Workbench, arrayCases: readonly ArrayCase[]): Promise<Part[]> {
  const parts: Part[] = [];
  let first = 0;
  for (const arrayCase of arrayCases) {
    const names = Array.from({ length: arrayCase.raidDevices }, (_, slot) => `array${parts.length}-${slot}`);
    const members = await Promise.all(names.map((name) => workbench.blankMember(name, arrayCase)));
    parts.push({ arrayCase, members, disks: guestDisks(arrayCase.raidDevices, first) });
    first += arrayCase.raidDevices;
  }
  return parts;
}

function createAndFill({ arrayCase, disks }: Part, i: number): string {
  return `create_and_fill ${createOptions(arrayCase).join(" ")} ${disks.join(" ")} | sed "s/=/_${i}=/"
    mdadm --stop /dev/md0`;
}
