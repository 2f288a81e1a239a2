/**
 * A random-access device or image that holds one member of an array.
 *
 * Offsets and lengths are bytes from the start of the device. Any offset and length inside the device is
 * allowed; an implementation that needs alignment does the widening itself. Several calls may be in flight at
 * once; two that overlap have no defined order. All methods reject with a `MemberError`.
 */
export interface MemberDevice {
  /** For messages; usually the path. */
  readonly name: string;
  /** Length of the whole device, in bytes. Constant while the device is open. */
  readonly sizeBytes: number;
  /** Whether {@link write} may be called. */
  readonly writable: boolean;
  /**
   * Fills all of `into` from `offsetBytes`, or rejects; after a rejection the content of `into` is undefined.
   */
  read(offsetBytes: number, into: Uint8Array): Promise<void>;
  /**
   * Writes all of `from` at `offsetBytes`, or rejects; after a rejection the range may hold old, new or mixed
   * bytes.
   */
  write(offsetBytes: number, from: Uint8Array): Promise<void>;
  /**
   * {@link read} into several pieces of memory, which follow each other on the device (`preadv`). Left out: the
   * array reads piece by piece.
   */
  readVector?(offsetBytes: number, into: readonly Uint8Array[]): Promise<void>;
  /** {@link write} from several pieces of memory (`pwritev`). Left out: the array writes piece by piece. */
  writeVector?(offsetBytes: number, from: readonly Uint8Array[]): Promise<void>;
  /**
   * Gives the room of a range back; it reads as zeros from then on. Left out: the device can't do that. After a
   * rejection the range may hold anything.
   */
  discard?(offsetBytes: number, lengthBytes: number): Promise<void>;
  /**
   * Makes every write that has completed survive a power cut. Nothing to do, and no error, if not {@link
   * writable}.
   */
  flush(): Promise<void>;
  /** Releases the device without flushing. Every later call rejects. Closing twice is harmless. */
  close(): Promise<void>;
}
