import type { MemberDevice } from "@dmaengine/raid456";
import { assembleSet } from "./assemble-set.js";
import type { AssembledArray } from "./assembled-array.js";
import { MdError, type MdErrorCode } from "./errors.js";
import { examine } from "./examine.js";
import { describeRejections, type Rejection, type RejectReason } from "./rejection.js";
import type { Candidate } from "./select-members.js";
import { formatUuid, parseUuid } from "./uuid.js";

/** What {@link assemble} may be told. */
export interface AssembleOptions {
  /** set_uuid of the array that is meant, where the devices belong to several. */
  readonly uuid?: string;
  /**
   * Take stale members where too few are up to date, the freshest first, and take the parity of an array that
   * was not shut down cleanly as it is. What that overrides is told in the result's `forced`. Default false.
   */
  readonly force?: boolean;
}

/** The members of one array among the devices, and what became of them. */
interface Outcome {
  readonly uuid: string;
  readonly members: readonly Candidate[];
  readonly result: AssembledArray | MdError;
}

const REASONS: Partial<Record<MdErrorCode, RejectReason>> = {
  ERR_MD_NO_SUPERBLOCK: "no-superblock",
  ERR_MD_CHECKSUM: "checksum",
  ERR_MD_CORRUPT: "corrupt",
  ERR_MD_UNSUPPORTED: "unsupported",
  ERR_MD_TOO_SMALL: "too-small",
  ERR_MD_UNREADABLE: "unreadable",
};

/**
 * Puts an array together from whatever devices are given, in any order. Nothing is written.
 *
 * Which members are used follows the kernel (`analyze_sbs`, `super_1_validate` in `drivers/md/md.c`) and
 * mdadm (`Assemble.c`), and is stricter where those trust a member that others contradict. If the devices
 * belong to several arrays, the one that can be started wins, then the one with most members.
 *
 * @throws MdError `ERR_MD_NOT_ENOUGH` with the missing roles and the reason of each rejection,
 *   `ERR_MD_DIRTY_DEGRADED`, `ERR_MD_UNSUPPORTED`, `ERR_MD_CORRUPT`, or `ERR_MD_AMBIGUOUS` if several arrays
 *   are equally likely to be meant
 */
export async function assemble(
  devices: readonly MemberDevice[],
  { uuid, force = false }: AssembleOptions = {},
): Promise<AssembledArray> {
  const wanted = uuid === undefined ? undefined : formatUuid(parseUuid(uuid));
  const sets = new Map<string, Candidate[]>();
  const unusable: Rejection[] = [];
  for (const { device, superblock, problem } of await Promise.all(devices.map(examine))) {
    if (problem !== null) {
      unusable.push({
        device: device.name,
        code: REASONS[problem.code] ?? "corrupt",
        reason: problem.message,
      });
    } else {
      const set = sets.get(superblock.setUuid) ?? [];
      sets.set(superblock.setUuid, [...set, { device, superblock }]);
    }
  }

  const outcomes: Outcome[] = [];
  for (const [setUuid, members] of sets) {
    if (wanted !== undefined && setUuid !== wanted) continue;
    const others = [...sets.values()].filter((set) => set !== members).flat();
    const rejected = [...unusable, ...others.map((other) => rejectOther(other, setUuid))];
    outcomes.push({ uuid: setUuid, members, result: await tryAssemble(members, rejected, force) });
  }
  if (outcomes.length === 0) {
    const what = wanted === undefined ? "a usable superblock" : `a usable superblock of array ${wanted}`;
    const others =
      wanted === undefined ? [] : [...sets.values()].flat().map((other) => rejectOther(other, wanted));
    const rejected = [...unusable, ...others];
    throw new MdError(
      "ERR_MD_NOT_ENOUGH",
      `none of ${devices.length} devices has ${what}${describeRejections(rejected)}`,
      { rejected },
    );
  }
  const { result } = choose(outcomes);
  if (MdError.isInstance(result)) throw result;
  return result;
}

async function tryAssemble(
  members: readonly Candidate[],
  rejected: readonly Rejection[],
  force: boolean,
): Promise<AssembledArray | MdError> {
  try {
    return await assembleSet(members, rejected, force);
  } catch (error) {
    if (MdError.isInstance(error)) return error;
    throw error;
  }
}

function choose(outcomes: readonly Outcome[]): Outcome {
  const startable = outcomes.filter(({ result }) => !MdError.isInstance(result));
  const eligible = startable.length > 0 ? startable : outcomes;
  const most = Math.max(...eligible.map(({ members }) => members.length));
  const [first, ...ties] = eligible.filter(({ members }) => members.length === most);
  if (first !== undefined && ties.length === 0) return first;
  const arrays = outcomes.map(({ uuid, members }) => {
    const names = members.map(({ device }) => device.name).join(", ");
    return `  ${uuid} "${members[0]?.superblock.setName}": ${names}`;
  });
  throw new MdError(
    "ERR_MD_AMBIGUOUS",
    `the devices belong to several arrays; say which one by its UUID, or give its devices only\n${arrays.join("\n")}`,
  );
}

function rejectOther({ device, superblock }: Candidate, chosen: string): Rejection {
  const reason = `belongs to array ${superblock.setUuid} "${superblock.setName}", not to ${chosen}`;
  return { device: device.name, code: "other-array", reason };
}
