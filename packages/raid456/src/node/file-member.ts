import * as fs from "node:fs";
import { constants, type Stats } from "node:fs";
import { type FileHandle, open, readFile, stat, unlink } from "node:fs/promises";
import type { MemberDevice } from "../member/member-device.js";
import { checkRange, checkWritable, closedError, MemberError } from "../member/member-error.js";
import { skipBytes, vectorBytes } from "../member/vector.js";
import { type RingTransfer, TransferKind } from "./io-ring.js";
import { type IoRequest, IoThreads } from "./io-threads.js";

/** Step of the size probe; a multiple of every logical block size, so that raw devices accept the reads. */
const PROBE_BYTES = 4096;

/** Longest system call, in bytes: Node takes no 2 GiB at once. */
const MAX_CALL_BYTES = 1024 ** 3;

/**
 * A member on a regular file or a block device.
 *
 * Transfers of memory that threads share, as that of software engines, are left to threads of the process's own, which are started when there is
 * enough for them to do, as many as `UV_THREADPOOL_SIZE` says (default 4); all others to Node. What the threads get, memory that is used again and
 * again, they keep until the process ends.
 */
export class FileMember implements MemberDevice {
  readonly name: string;
  readonly sizeBytes: number;
  readonly writable: boolean;
  readonly #handle: FileHandle;
  #open = true;
  #inFlight = 0;
  #whenIdle: () => void = () => {};

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
    // Another file may get the same descriptor then.
    if (this.#inFlight > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
    }
    await this.#handle.close();
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
      const { fd } = this.#handle;
      new FileTransfer({ kind, fd, position: offsetBytes, vector }, endBytes, this, end).goOn();
    });
  }
}

/** Reads or writes a part of a file: with one call, unless the system does less than it was asked to. */
class FileTransfer implements IoRequest {
  readonly kind: TransferKind;
  readonly fd: number;
  /** What is left. */
  position: number;
  vector: readonly Uint8Array[];
  readonly #endBytes: number;
  readonly #member: FileMember;
  readonly #onEnd: (error: MemberError | null) => void;

  constructor(
    { kind, fd, position, vector }: RingTransfer,
    endBytes: number,
    member: FileMember,
    onEnd: (error: MemberError | null) => void,
  ) {
    this.kind = kind;
    this.fd = fd;
    this.position = position;
    this.vector = vector;
    this.#endBytes = endBytes;
    this.#member = member;
    this.#onEnd = onEnd;
  }

  /** Asks the system for what is left. */
  goOn(): void {
    const io = IoThreads.common;
    try {
      if (io.takes(this.vector)) io.transfer(this);
      else nodeCall(this);
    } catch (error) {
      this.failed(error);
    }
  }

  ended(bytes: number): void {
    if (bytes === 0) {
      this.#onEnd(shortError(this.#member, this.position));
      return;
    }
    this.position += bytes;
    if (this.position === this.#endBytes) {
      this.#onEnd(null);
      return;
    }
    this.vector = skipBytes(this.vector, bytes);
    this.goOn();
  }

  failed(cause: unknown): void {
    const doing = this.kind === TransferKind.READ ? "reading" : "writing";
    const message = `${doing} at byte ${this.position} failed: ${reason(cause)}`;
    this.#onEnd(new MemberError("ERR_MEMBER_IO", this.#member.name, message, { cause }));
  }
}

function shortError({ name, sizeBytes }: FileMember, atBytes: number): MemberError {
  return new MemberError(
    "ERR_MEMBER_SHORT",
    name,
    `the device ends at byte ${atBytes}, but had ${sizeBytes} bytes when it was opened`,
  );
}

/** By callbacks: Node makes fewer objects for them than for its promises. */
function nodeCall(request: IoRequest): void {
  const { kind, fd, position, vector } = request;
  const onEnd = (error: Error | null, bytes: number): void => {
    if (error === null) request.ended(bytes);
    else request.failed(error);
  };
  const [first] = vector as readonly [Uint8Array];
  const length = Math.min(first.length, MAX_CALL_BYTES);
  if (vector.length > 1) {
    if (kind === TransferKind.READ) fs.readv(fd, vector, position, onEnd);
    else fs.writev(fd, vector, position, onEnd);
  } else if (kind === TransferKind.READ) {
    fs.read(fd, first, 0, length, position, onEnd);
  } else {
    fs.write(fd, first, 0, length, position, onEnd);
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
