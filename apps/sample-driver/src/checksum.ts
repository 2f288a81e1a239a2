/** The checksums of all single bytes. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 1 ? 0x82f63b78 : 0);
  return crc;
});

/** CRC-32C of `bytes` from `start` to `end`, going on from `seed`. */
export function checksum(bytes: Uint8Array, start: number, end: number, seed: number): number {
  let crc = ~seed;
  for (let i = start; i < end; i++) {
    crc = (crc >>> 8) ^ (TABLE[(crc ^ (bytes[i] as number)) & 0xff] as number);
  }
  return ~crc >>> 0;
}
