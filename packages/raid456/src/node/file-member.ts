import { type FileHandle, open, stat, unlink } from "node:fs/promises";
import type { MemberDevice } from "../member/member-device.js";
import { checkRange, checkWritable, closedError, MemberError } from "../member/member-error.js";
import { vectorBytes } from "../member/vector.js";
import { blockDeviceSize } from "./block-device-size.js";
import { errno, reason } from "./errno.js";
import { FileTransfer } from "./file-transfer.js";
import { TransferKind } from "./io-ring.js";
import { type OpenFile, openDirect, openFile } from "./open-file.js";

/**
 * A member on a regular file or a block device.
 *
 * Transfers of memory that threads share, as that of software engines, are left to threads of the process's own, which are started when there is
 * enough for them to do, as many as `UV_THREADPOOL_SIZE` says (default 4), and twice as many for direct I/O; all others to Node. What the threads get,
 * memory that is used again and again, they keep until the process ends.
 */
export class FileMember implements MemberDevice {
  readonly name: string;
  readonly sizeBytes: number;
  readonly writable: boolean;
  readonly #file: OpenFile;
  #open = true;
  #inFlight = 0;
  #whenIdle: () => void = () => {};

  private constructor(name: string, file: OpenFile, sizeBytes: number, writable: boolean) {
    this.name = name;
    this.#file = file;
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
   * @param options.direct - transfers go between memory and device without a copy in the page cache (`O_DIRECT`), as md's own do, where both are aligned:
   * multiples of 4 KiB on the device, and memory of `device.alloc(length, 4096)`. All others go through the page cache; Linux keeps the two consistent. It
   * pays for devices as fast as a copy in memory, and leaves the page cache to others; what is read often and fits in there is slower. Linux
   * only, and not on every file system. Default: false.
   * @throws MemberError `ERR_MEMBER_OPEN`
   */
  static async open(
    path: string,
    {
      writable = false,
      direct = false,
    }: { readonly writable?: boolean | undefined; readonly direct?: boolean | undefined } = {},
  ): Promise<FileMember> {
    try {
      const kind = await stat(path);
      if (!kind.isFile() && !kind.isBlockDevice()) {
        throw new MemberError("ERR_MEMBER_OPEN", path, "not a regular file or block device");
      }
      const handle = await openFile(path, kind, writable);
      try {
        const sizeBytes = kind.isBlockDevice() ? await blockDeviceSize(handle, kind.rdev) : kind.size;
        const file = { cached: handle, direct: direct ? await openDirect(path, handle, writable) : null };
        return new FileMember(path, file, sizeBytes, writable);
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
      return new FileMember(path, { cached: handle, direct: null }, sizeBytes, true);
    } catch (error) {
      await handle.close();
      await unlink(path);
      throw openError(path, error);
    }
  }

  read(offsetBytes: number, into: Uint8Array): Promise<void> {
    return this.#transfer(TransferKind.READ, offsetBytes, [into]);
  }

  write(offsetBytes: number, from: Uint8Array): Promise<void> {
    return this.#transfer(TransferKind.WRITE, offsetBytes, [from]);
  }

  readVector(offsetBytes: number, into: readonly Uint8Array[]): Promise<void> {
    return this.#transfer(TransferKind.READ, offsetBytes, into);
  }

  writeVector(offsetBytes: number, from: readonly Uint8Array[]): Promise<void> {
    return this.#transfer(TransferKind.WRITE, offsetBytes, from);
  }

  async flush(): Promise<void> {
    if (!this.#open) throw closedError(this);
    // What was opened for reading has nothing to make durable.
    if (!this.writable) return;
    try {
      await this.#file.cached.datasync();
    } catch (error) {
      throw new MemberError("ERR_MEMBER_IO", this.name, `flushing failed: ${reason(error)}`, {
        cause: error,
      });
    }
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    // Another file may get the same descriptor then.
    if (this.#inFlight > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
    }
    await Promise.all([this.#file.cached.close(), this.#file.direct?.close()]);
  }

  #transfer(kind: TransferKind, offsetBytes: number, vector: readonly Uint8Array[]): Promise<void> {
    return new Promise((resolve, reject) => {
      if (!this.#open) throw closedError(this);
      if (kind === TransferKind.WRITE) checkWritable(this);
      const endBytes = offsetBytes + vectorBytes(vector);
      checkRange(this, offsetBytes, endBytes - offsetBytes);
      if (endBytes === offsetBytes) {
        resolve();
        return;
      }
      this.#inFlight += 1;
      const end = (error: MemberError | null): void => {
        this.#inFlight -= 1;
        if (this.#inFlight === 0) this.#whenIdle();
        if (error === null) resolve();
        else reject(error);
      };
      const rest = { kind, position: offsetBytes, vector };
      new FileTransfer(rest, endBytes, this, this.#file, end).goOn();
    });
  }
}

function openError(path: string, cause: unknown): MemberError {
  if (MemberError.isInstance(cause)) return cause;
  const hint = errno(cause) === "EBUSY" ? "; it is mounted or belongs to a running array" : "";
  return new MemberError("ERR_MEMBER_OPEN", path, `can't be opened: ${reason(cause)}${hint}`, { cause });
}
