import { constants, type Stats } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { MemberError } from "../member/member-error.js";
import { errno, reason } from "./errno.js";

const NOT_DIRECT = "can't be opened for direct I/O, open it without `direct`";

/** A file, opened as often as its transfers need it. */
export interface OpenFile {
  readonly cached: FileHandle;
  /** Goes past the page cache (`O_DIRECT`); null when nothing is to. */
  readonly direct: FileHandle | null;
}

/** Opens a file or block device so that reading leaves its time stamps as they are, and writing is refused while somebody else has the device. */
export function openFile(path: string, kind: Stats, writable: boolean): Promise<FileHandle> {
  return openQuietly(path, openFlags(kind, writable));
}

/** Opens what is open already a second time, past the page cache. */
export async function openDirect(path: string, { fd }: FileHandle, writable: boolean): Promise<FileHandle> {
  // Undefined on systems that have no such flag.
  const direct: number | undefined = constants.O_DIRECT;
  if (direct === undefined) {
    throw new MemberError("ERR_MEMBER_OPEN", path, `${NOT_DIRECT}: this system has no O_DIRECT`);
  }
  try {
    // The very file, whatever has become of its path. Who holds a block device for itself may open it again without asking for that.
    return await openQuietly(
      `/proc/self/fd/${fd}`,
      direct | (writable ? constants.O_RDWR : constants.O_RDONLY),
    );
  } catch (cause) {
    // open(2): EINVAL where the file system has no such thing.
    const why = errno(cause) === "EINVAL" ? "its file system has no O_DIRECT" : reason(cause);
    throw new MemberError("ERR_MEMBER_OPEN", path, `${NOT_DIRECT}: ${why}`, { cause });
  }
}

function openFlags(kind: Stats, writable: boolean): number {
  if (!writable) return constants.O_RDONLY;
  return kind.isBlockDevice() ? constants.O_RDWR | constants.O_EXCL : constants.O_RDWR;
}

/** Opens without touching the access time where that is possible. */
async function openQuietly(path: string, flags: number): Promise<FileHandle> {
  // Undefined on systems that have no such flag.
  const noAtime: number | undefined = constants.O_NOATIME;
  if (noAtime === undefined) return open(path, flags);
  try {
    return await open(path, flags | noAtime);
  } catch (error) {
    // open(2): EPERM if O_NOATIME was asked for by somebody who is neither the owner nor privileged.
    if (errno(error) !== "EPERM") throw error;
    return open(path, flags);
  }
}
