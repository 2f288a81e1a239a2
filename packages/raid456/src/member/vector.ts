/**
 * Several pieces of memory that follow each other on a device, in one call where the device has one for that.
 *
 * @module
 */

import type { MemberDevice } from "./member-device.js";

/** Length of a vector, in bytes. */
export function vectorBytes(vector: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const piece of vector) bytes += piece.length;
  return bytes;
}

/** Fills all pieces from `offsetBytes` on, or rejects. */
export function readVector(
  device: MemberDevice,
  offsetBytes: number,
  into: readonly Uint8Array[],
): Promise<void> {
  if (into.length === 1) return device.read(offsetBytes, into[0] as Uint8Array);
  return device.readVector?.(offsetBytes, into) ?? readOneByOne(device, offsetBytes, into);
}

async function readOneByOne(
  device: MemberDevice,
  offsetBytes: number,
  into: readonly Uint8Array[],
): Promise<void> {
  let at = offsetBytes;
  for (const piece of into) {
    await device.read(at, piece);
    at += piece.length;
  }
}

/** Writes all pieces at `offsetBytes`, or rejects. */
export function writeVector(
  device: MemberDevice,
  offsetBytes: number,
  from: readonly Uint8Array[],
): Promise<void> {
  if (from.length === 1) return device.write(offsetBytes, from[0] as Uint8Array);
  return device.writeVector?.(offsetBytes, from) ?? writeOneByOne(device, offsetBytes, from);
}

async function writeOneByOne(
  device: MemberDevice,
  offsetBytes: number,
  from: readonly Uint8Array[],
): Promise<void> {
  let at = offsetBytes;
  for (const piece of from) {
    await device.write(at, piece);
    at += piece.length;
  }
}

/** What is left of a vector behind its first `bytes` bytes. */
export function skipBytes(vector: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let skipped = 0;
  for (const [i, piece] of vector.entries()) {
    if (skipped + piece.length > bytes) return [piece.subarray(bytes - skipped), ...vector.slice(i + 1)];
    skipped += piece.length;
  }
  return [];
}
