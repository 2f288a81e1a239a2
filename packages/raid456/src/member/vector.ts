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
export async function readVector(
  device: MemberDevice,
  offsetBytes: number,
  into: readonly Uint8Array[],
): Promise<void> {
  if (into.length === 1) return await device.read(offsetBytes, into[0] as Uint8Array);
  if (device.readVector !== undefined) return await device.readVector(offsetBytes, into);
  let at = offsetBytes;
  for (const piece of into) {
    await device.read(at, piece);
    at += piece.length;
  }
}

/** Writes all pieces at `offsetBytes`, or rejects. */
export async function writeVector(
  device: MemberDevice,
  offsetBytes: number,
  from: readonly Uint8Array[],
): Promise<void> {
  if (from.length === 1) return await device.write(offsetBytes, from[0] as Uint8Array);
  if (device.writeVector !== undefined) return await device.writeVector(offsetBytes, from);
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
