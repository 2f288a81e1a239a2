import { type FileHandle, readFile } from "node:fs/promises";
import { errno } from "./errno.js";

/** Step of the size probe; a multiple of every logical block size, so that raw devices accept the reads. */
const PROBE_BYTES = 4096;

/**
 * `fstat` gives 0 as the size of a block device, so Linux's sysfs is asked, and failing that the device
 * itself.
 */
export async function blockDeviceSize(handle: FileHandle, rdev: number): Promise<number> {
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
