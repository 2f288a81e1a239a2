import { type MemberDevice, MemberError } from "@dmaengine/raid456";
import { MdError } from "./errors.js";
import type { Superblock1 } from "./superblock-1.js";
import { parseSuperblock1 } from "./superblock-1-codec.js";
import { isSuperblock090 } from "./superblock-090.js";
import {
  deviceSectors,
  METADATA_VERSIONS,
  type MetadataVersion,
  readSuperblockBlock,
} from "./superblock-place.js";

/** What one device says about itself. */
export type Examination = {
  readonly device: MemberDevice;
  /** Other formats of which there is a valid superblock too, left over from earlier arrays as a rule. */
  readonly alsoFound: readonly MetadataVersion[];
} & (
  | {
      /** The device can serve as a member, as far as it alone can tell. */
      readonly problem: null;
      readonly version: "1.2";
      readonly superblock: Superblock1;
    }
  | {
      /** Why the device can't serve as a member. */
      readonly problem: MdError;
      /** Format of the superblock that counts; null if no place has a valid one. */
      readonly version: MetadataVersion | null;
      /** Its content; null for 0.90, which is recognised but not read, and if no place has a valid one. */
      readonly superblock: Superblock1 | null;
    }
);

interface Finding {
  readonly version: MetadataVersion;
  readonly superblock: Superblock1 | null;
  readonly problem: MdError | null;
}

/**
 * Reads the superblock of a device, looking at the places of all four formats. Nothing is written.
 * It does not throw: whatever is wrong with the device is the result's `problem`.
 */
export async function examine(device: MemberDevice): Promise<Examination> {
  const findings: Finding[] = [];
  for (const version of METADATA_VERSIONS) {
    const finding = await look(device, version);
    if (finding !== null) findings.push(finding);
  }
  const [best, ...others] = findings.filter(({ problem }) => problem === null);
  const alsoFound = others.map(({ version }) => version);
  if (best === undefined) {
    const problem = findings[0]?.problem ?? new MdError("ERR_MD_NO_SUPERBLOCK", "no md superblock found");
    return { device, version: null, superblock: null, problem, alsoFound };
  }
  const { version, superblock } = best;
  if (version !== "1.2" || superblock === null) {
    // A damaged 1.2 superblock is told before an intact one of another format, which may be older than it.
    const problem =
      findings[0]?.problem ??
      new MdError("ERR_MD_UNSUPPORTED", `metadata ${version} is not supported yet, only 1.2`);
    return { device, version, superblock, problem, alsoFound };
  }
  const problem = sizeProblem(device, superblock);
  return problem === null
    ? { device, version, superblock, problem, alsoFound }
    : { device, version, superblock, problem, alsoFound };
}

async function look(device: MemberDevice, version: MetadataVersion): Promise<Finding | null> {
  try {
    const block = await readSuperblockBlock(device, version);
    if (block === null) return null;
    if (version !== "0.90") {
      return { version, superblock: parseSuperblock1(block.bytes, block.sector), problem: null };
    }
    const problem = isSuperblock090(block.bytes)
      ? null
      : new MdError("ERR_MD_CHECKSUM", "0.90 superblock with a wrong checksum");
    return { version, superblock: null, problem };
  } catch (error) {
    if (MdError.isInstance(error)) return { version, superblock: null, problem: error };
    if (!MemberError.isInstance(error)) throw error;
    const problem = new MdError(
      "ERR_MD_UNREADABLE",
      `the place of a ${version} superblock can't be read: ${error.message}`,
      { cause: error },
    );
    return { version, superblock: null, problem };
  }
}

function sizeProblem(device: MemberDevice, { dataOffset, dataSize }: Superblock1): MdError | null {
  const has = deviceSectors(device);
  if (has - dataOffset >= dataSize) return null;
  return new MdError(
    "ERR_MD_TOO_SMALL",
    `the superblock speaks of ${dataOffset + dataSize} sectors, but the device has only ${has}; is the image truncated?`,
  );
}
