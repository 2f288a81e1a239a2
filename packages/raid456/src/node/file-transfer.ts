import * as fs from "node:fs";
import { MemberError } from "../member/member-error.js";
import { skipBytes } from "../member/vector.js";
import { errno, reason } from "./errno.js";
import type { FileMember } from "./file-member.js";
import { type RingTransfer, TransferKind } from "./io-ring.js";
import { type IoRequest, IoThreads } from "./io-threads.js";
import type { OpenFile } from "./open-file.js";

/** Longest system call, in bytes: Node takes no 2 GiB at once. */
const MAX_CALL_BYTES = 1024 ** 3;

/** What is tried past the page cache begins, and ends, at multiples of it: disks with logical blocks of more than 4 KiB are rare. */
const DIRECT_BYTES = 4096;

/** Reads or writes a part of a file: with one call, unless the system does less than it was asked to. */
export class FileTransfer implements IoRequest {
  readonly kind: TransferKind;
  fd: number;
  /** What is left. */
  position: number;
  vector: readonly Uint8Array[];
  readonly #endBytes: number;
  readonly #member: FileMember;
  readonly #file: OpenFile;
  /** The system did not take the memory for direct I/O. */
  #refused = false;
  readonly #onEnd: (error: MemberError | null) => void;

  constructor(
    { kind, position, vector }: Omit<RingTransfer, "fd">,
    endBytes: number,
    member: FileMember,
    file: OpenFile,
    onEnd: (error: MemberError | null) => void,
  ) {
    this.kind = kind;
    this.fd = file.cached.fd;
    this.position = position;
    this.vector = vector;
    this.#endBytes = endBytes;
    this.#member = member;
    this.#file = file;
    this.#onEnd = onEnd;
  }

  /** Asks the system for what is left. */
  goOn(): void {
    const { cached, direct } = this.#file;
    let io = IoThreads.cached;
    this.fd = cached.fd;
    if (direct !== null && !this.#refused && mayBeDirect(this)) {
      io = IoThreads.direct;
      this.fd = direct.fd;
    }
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
    // open(2): memory that is not aligned as the device wants it. Where memory is, JavaScript doesn't know.
    if (this.fd === this.#file.direct?.fd && errno(cause) === "EINVAL") {
      this.#refused = true;
      this.goOn();
      return;
    }
    const doing = this.kind === TransferKind.READ ? "reading" : "writing";
    const message = `${doing} at byte ${this.position} failed: ${reason(cause)}`;
    this.#onEnd(new MemberError("ERR_MEMBER_IO", this.#member.name, message, { cause }));
  }
}

function mayBeDirect({ position, vector }: RingTransfer): boolean {
  if (position % DIRECT_BYTES !== 0) return false;
  for (let i = 0; i < vector.length; i++) {
    if ((vector[i] as Uint8Array).length % DIRECT_BYTES !== 0) return false;
  }
  return true;
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
