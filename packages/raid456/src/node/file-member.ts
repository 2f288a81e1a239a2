import { constants, type Stats } from "node:fs";
import { type FileHandle, open, readFile, stat, unlink } from "node:fs/promises";
import type { MemberDevice } from "../member/member-device.js";
import { checkRange, checkWritable, closedError, MemberError } from "../member/member-error.js";
import { skipBytes, vectorBytes } from "../member/vector.js";

/** Step of the size probe; a multiple of every logical block size, so that raw devices accept the reads. */
const PROBE_BYTES = 4096;

/** A member on a regular file or a block device. */
export class FileMember implements MemberDevice {
  readonly name: string;
  readonly sizeBytes: number;
  readonly writable: boolean;
  readonly #handle: FileHandle;
  #open = true;

  private constructor(name: string, handle: FileHandle, sizeBytes: number, writable: boolean) {
    this.name = name;
    this.#handle = handle;
    this.sizeBytes = sizeBytes;
    this.writable = writable;
  }

  /**
   * Opens an existing regular file or block device, by default for reading only.
   *
   * Reading leaves the time stamps as they were where the system allows it (Linux: `O_NOATIME`, which only
   * the file's owner and root may ask for). A block device is opened for writing with `O_EXCL`, which Linux
   * refuses while the device is mounted or belongs to a running array.
   *
   * @throws MemberError `ERR_MEMBER_OPEN`
   */
  static async open(
    path: string,
    { writable = false }: { readonly writable?: boolean } = {},
  ): Promise<FileMember> {
    try {
      const kind = await stat(path);
      if (!kind.isFile() && !kind.isBlockDevice()) {
        throw new MemberError("ERR_MEMBER_OPEN", path, "not a regular file or block device");
      }
      const handle = await openQuietly(path, openFlags(kind, writable));
      try {
        const sizeBytes = kind.isBlockDevice() ? await blockDeviceSize(handle, kind.rdev) : kind.size;
        return new FileMember(path, handle, sizeBytes, writable);
      } catch (error) {
        await handle.close();
        throw error;
      }
    } catch (error) {
      throw openError(path, error);
    }
  }

  /**
   * Makes a new image of `sizeBytes` zero bytes, sparse where the file system can do that, and opens it for
   * writing.
   *
   * @throws MemberError `ERR_MEMBER_OPEN`, also if the file exists: it is never overwritten
   */
  static async create(path: string, sizeBytes: number): Promise<FileMember> {
    let handle: FileHandle;
    try {
      handle = await open(path, "wx+");
    } catch (error) {
      throw openError(path, error);
    }
    try {
      await handle.truncate(sizeBytes);
      return new FileMember(path, handle, sizeBytes, true);
    } catch (error) {
      await handle.close();
      await unlink(path);
      throw openError(path, error);
    }
  }

  async read(offsetBytes: number, into: Uint8Array): Promise<void> {
    if (!this.#open) throw closedError(this);
    checkRange(this, offsetBytes, into.length);
    let done = 0;
    while (done < into.length) {
      let bytesRead: number;
      try {
        ({ bytesRead } = await this.#handle.read(into, done, into.length - done, offsetBytes + done));
      } catch (error) {
        throw this.#ioError("reading", offsetBytes + done, error);
      }
      if (bytesRead === 0) throw this.#shortError(offsetBytes + done);
      done += bytesRead;
    }
  }

  async write(offsetBytes: number, from: Uint8Array): Promise<void> {
    if (!this.#open) throw closedError(this);
    checkWritable(this);
    checkRange(this, offsetBytes, from.length);
    let done = 0;
    while (done < from.length) {
      let bytesWritten: number;
      try {
        ({ bytesWritten } = await this.#handle.write(from, done, from.length - done, offsetBytes + done));
      } catch (error) {
        throw this.#ioError("writing", offsetBytes + done, error);
      }
      if (bytesWritten === 0) throw this.#shortError(offsetBytes + done);
      done += bytesWritten;
    }
  }

  async readVector(offsetBytes: number, into: readonly Uint8Array[]): Promise<void> {
    if (!this.#open) throw closedError(this);
    const endBytes = offsetBytes + vectorBytes(into);
    checkRange(this, offsetBytes, endBytes - offsetBytes);
    let rest = into;
    for (let at = offsetBytes; at < endBytes; ) {
      let bytesRead: number;
      try {
        ({ bytesRead } = await this.#handle.readv(rest, at));
      } catch (error) {
        throw this.#ioError("reading", at, error);
      }
      if (bytesRead === 0) throw this.#shortError(at);
      at += bytesRead;
      rest = skipBytes(rest, bytesRead);
    }
  }

  async writeVector(offsetBytes: number, from: readonly Uint8Array[]): Promise<void> {
    if (!this.#open) throw closedError(this);
    checkWritable(this);
    const endBytes = offsetBytes + vectorBytes(from);
    checkRange(this, offsetBytes, endBytes - offsetBytes);
    let rest = from;
    for (let at = offsetBytes; at < endBytes; ) {
      let bytesWritten: number;
      try {
        ({ bytesWritten } = await this.#handle.writev(rest, at));
      } catch (error) {
        throw this.#ioError("writing", at, error);
      }
      if (bytesWritten === 0) throw this.#shortError(at);
      at += bytesWritten;
      rest = skipBytes(rest, bytesWritten);
    }
  }

  async flush(): Promise<void> {
    if (!this.#open) throw closedError(this);
    // What was opened for reading has nothing to make durable.
    if (!this.writable) return;
    try {
      await this.#handle.datasync();
    } catch (error) {
      throw new MemberError("ERR_MEMBER_IO", this.name, `flushing failed: ${reason(error)}`, {
        cause: error,
      });
    }
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#handle.close();
  }

  #ioError(doing: string, atBytes: number, cause: unknown): MemberError {
    return new MemberError(
      "ERR_MEMBER_IO",
      this.name,
      `${doing} at byte ${atBytes} failed: ${reason(cause)}`,
      {
        cause,
      },
    );
  }

  #shortError(atBytes: number): MemberError {
    return new MemberError(
      "ERR_MEMBER_SHORT",
      this.name,
      `the device ends at byte ${atBytes}, but had ${this.sizeBytes} bytes when it was opened`,
    );
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

/**
 * `fstat` gives 0 as the size of a block device, so Linux's sysfs is asked, and failing that the device
 * itself.
 */
async function blockDeviceSize(handle: FileHandle, rdev: number): Promise<number> {
  // gnu_dev_major and gnu_dev_minor of glibc, for the 32 bits that Linux uses.
  const major = (rdev >>> 8) & 0xfff;
  const minor = (rdev & 0xff) | ((rdev >>> 12) & 0xfff00);
  try {
    // In units of 512 bytes, whatever the device's block size.
    return Number(await readFile(`/sys/dev/block/${major}:${minor}/size`, "utf8")) * 512;
  } catch {
    return probeSize(handle);
  }
}

/** Finds the end by doubling, then halving: some fifty small reads, whatever the size. */
export async function probeSize(handle: Pick<FileHandle, "read">): Promise<number> {
  const block = new Uint8Array(PROBE_BYTES);
  const bytesAt = async (index: number): Promise<number> => {
    try {
      return (await handle.read(block, 0, PROBE_BYTES, index * PROBE_BYTES)).bytesRead;
    } catch (error) {
      // A bad sector is inside the device; other errors are how some systems say that the address is behind
      // its end.
      return errno(error) === "EIO" ? PROBE_BYTES : 0;
    }
  };
  let behind = 1;
  while (behind * PROBE_BYTES < Number.MAX_SAFE_INTEGER / 2 && (await bytesAt(behind)) > 0) behind *= 2;
  let inside = 0;
  while (behind - inside > 1) {
    const middle = Math.floor((inside + behind) / 2);
    if ((await bytesAt(middle)) > 0) inside = middle;
    else behind = middle;
  }
  return inside * PROBE_BYTES + (await bytesAt(inside));
}

function openError(path: string, cause: unknown): MemberError {
  if (MemberError.isInstance(cause)) return cause;
  const hint = errno(cause) === "EBUSY" ? "; it is mounted or belongs to a running array" : "";
  return new MemberError("ERR_MEMBER_OPEN", path, `can't be opened: ${reason(cause)}${hint}`, { cause });
}

function errno(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
