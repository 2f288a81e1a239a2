import { MD_MAGIC, SUPERBLOCK_BYTES } from "./superblock-1.js";

const SB_CSUM_WORD = 38;

/**
 * Whether a block is an intact 0.90 superblock (kernel: `calc_sb_csum` and `super_90_load` in
 * `drivers/md/md.c`). The words are in the byte order of the host that wrote them. The checksum counts in its
 * 16-bit folded form only, because some architectures have computed the upper half differently.
 */
export function isSuperblock090(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, SUPERBLOCK_BYTES);
  const littleEndian = view.getUint32(0, true) === MD_MAGIC;
  if (!littleEndian && view.getUint32(0, false) !== MD_MAGIC) return false;
  let sum = 0;
  for (let word = 0; word < SUPERBLOCK_BYTES / 4; word++) {
    if (word !== SB_CSUM_WORD) sum += view.getUint32(4 * word, littleEndian);
  }
  const checksum = ((sum % 2 ** 32) + Math.floor(sum / 2 ** 32)) % 2 ** 32;
  return fold16(checksum) === fold16(view.getUint32(4 * SB_CSUM_WORD, littleEndian));
}

function fold16(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return (once & 0xffff) + (once >>> 16);
}
