import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { CommandError } from "../errors.js";

/**
 * Refuses paths that lead to the same file or device, as two names of one disk do.
 *
 * @throws CommandError `ERR_MDRAID_USAGE`
 */
export async function refuseSameFile(paths: readonly string[]): Promise<void> {
  const seen = new Map<string, string>();
  for (const path of paths) {
    const identity = await identify(path);
    const other = seen.get(identity);
    if (other !== undefined) {
      throw new CommandError("ERR_MDRAID_USAGE", `${other} and ${path} are the same file or device`);
    }
    seen.set(identity, path);
  }
}

/** Two paths have the same text if and only if they lead to the same place, however they are spelt. */
async function identify(path: string): Promise<string> {
  try {
    const status = await stat(path, { bigint: true });
    return status.isBlockDevice() ? `device ${status.rdev}` : `file ${status.dev}:${status.ino}`;
  } catch {
    // What can't be looked at, or is yet to be created, is told apart by its name.
    return resolve(path);
  }
}
