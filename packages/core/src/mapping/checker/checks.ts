import { DmaError } from "../../errors.js";

/**
 * What the checker finds, by name. The numbers are those of the error classes of Linux's DMA API debugging (kernel/dma/debug.c) in the order in
 * which that file raises them: unmap 1 to 8, unbind 9, map 10 to 13, sync 14 to 19, scatterlists 20 and 21, overlap 22 and 23.
 *
 * These have no meaning here:
 * - 4, for single against page mappings: they are one kind, as in Linux since about 4.20. Between the other kinds it has.
 * - 5, coherent memory freed with another CPU address: `freeCoherent` takes the one object that `allocCoherent` gave.
 * - 10, a buffer on the stack, 11, in kernel text, 13, in vmalloc space: a `Uint8Array` is in none of them, and any may be mapped.
 * - 12, a pointer to no memory: a range outside its `Uint8Array`, or in a detached one, is refused with `ERR_DMA_MAPPING` by the call itself.
 * - 23, more than 7 overlaps of one cache line: the first overlap is an error already.
 */
export type DmaCheck =
  /** 1: unmaps what a failed mapping call returned. */
  | "unmap-mapping-error"
  /** 2: unmaps what is not mapped, or not any more, or for another device. */
  | "unmap-not-mapped"
  /** 3: unmaps with another length. */
  | "unmap-length"
  /** 4: unmaps what was mapped by a call of another kind: single, scatterlist, coherent. */
  | "unmap-kind"
  /** 6: unmaps a scatterlist with another number of entries. */
  | "unmap-sg-count"
  /** 7: unmaps in another direction. */
  | "unmap-direction"
  /** 8: nobody asked `device.mappingError()` about the address. Only with the option `requireMappingErrorTest`. */
  | "mapping-error-not-tested"
  /** 9: a device goes away and has mappings. */
  | "leak"
  /** 14: syncs what is not mapped. */
  | "sync-not-mapped"
  /** 15: syncs beyond the end of a mapping. */
  | "sync-past-end"
  /** 16: syncs in another direction than the mapping's, which is not BIDIRECTIONAL. */
  | "sync-direction"
  /** 17: syncs for the CPU what the device only reads, in a direction in which it writes. */
  | "sync-for-cpu-read-only"
  /** 18: syncs for the device what it only writes, in a direction in which it reads. */
  | "sync-for-device-write-only"
  /** 19: syncs a scatterlist with another number of entries. */
  | "sync-sg-count"
  /** 20: maps a segment longer than the device's `maxSegmentBytes`. */
  | "sg-segment-length"
  /** 21: maps a segment that crosses the device's segment boundary. */
  | "sg-segment-boundary"
  /** 22: maps bytes that are in a live mapping, not both TO_DEVICE. Linux compares first cache lines only; here any common byte counts. */
  | "overlap"
  /** Not in Linux: the CPU wrote memory that belonged to a device. */
  | "cpu-write"
  /** Not in Linux: a submitted transaction would touch memory that is not mapped. */
  | "device-access-unmapped"
  /** Not in Linux: it would go beyond the end of a mapping. */
  | "device-access-past-end"
  /** Not in Linux: it would read what was mapped FROM_DEVICE, or write what was mapped TO_DEVICE. */
  | "device-access-direction"
  /** Not in Linux: it would touch memory that was synced for the CPU. */
  | "device-access-cpu-owned"
  /** Not in Linux: unmapped while a transaction that touches it is in flight. */
  | "unmap-in-flight"
  /** Not in Linux: synced for the CPU while a transaction that touches it is in flight. */
  | "sync-in-flight";

/** A misuse of the mapping API. Its stack is where it was found, its `cause` where the mapping was made. */
export class DmaCheckError extends DmaError {
  /** The class of error. Stable, like {@link DmaError.code}. */
  readonly check: DmaCheck;

  constructor(check: DmaCheck, message: string, origin?: Error) {
    super("ERR_DMA_CHECK", message, origin === undefined ? undefined : { cause: origin });
    this.name = "DmaCheckError";
    this.check = check;
  }
}
