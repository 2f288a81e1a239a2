/**
 * A 1.2 superblock of a RAID5 member with an internal bitmap, which `mdadm --examine` accepts; written down
 * by hand.
 */
export function goldenSuperblock12(): Uint8Array {
  const bytes = new Uint8Array(4096);
  const lines: readonly [number, string][] = [
    [0x00, "fc4e2ba9 01000000 01000000 00000000"],
    [0x10, "10111213 14151617 18191a1b 1c1d1e1f"],
    [0x20, "6c61623a 76656300 00000000 00000000"],
    [0x40, "00f15365 00000000 05000000 02000000"],
    [0x50, "00380000 00000000 80000000 03000000"],
    [0x60, "08000000 00000000 00000000 00000000"],
    [0x80, "00080000 00000000 00380000 00000000"],
    [0x90, "08000000 00000000 00000000 00000000"],
    [0xa0, "01000000 00000000 a0a1a2a3 a4a5a6a7"],
    [0xb0, "a8a9aaab acadaeaf 00000800 10000000"],
    [0xc0, "3cf15365 00000000 12000000 00000000"],
    [0xd0, "ffffffff ffffffff 4c6ca8b9 80000000"],
  ];
  for (const [offset, hex] of lines) bytes.set(fromHex(hex), offset);
  bytes.fill(0xff, 0x100, 0x200);
  bytes.set(fromHex("00000100 ffff0200"), 0x100);
  return bytes;
}

/** The checksum of a 0.90 superblock, {@link goldenSuperblock090}. */
export const GOLDEN_090_CHECKSUM = 0x51f6bb7d;

/**
 * A 0.90 superblock of a RAID5 member, which `mdadm --examine` accepts; written down by hand, word by word.
 */
export function goldenSuperblock090({ littleEndian = true } = {}): Uint8Array {
  const bytes = new Uint8Array(4096);
  const view = new DataView(bytes.buffer);
  const set = (word: number, value: number) => view.setUint32(4 * word, value, littleEndian);
  const words: readonly [number, number][] = [
    [0, 0xa92b4efc],
    [2, 90],
    [5, 0x11223344],
    [6, 1_700_000_000],
    [7, 5],
    [8, 8128],
    [9, 3],
    [10, 3],
    [13, 0x55667788],
    [14, 0x99aabbcc],
    [15, 0xddeeff00],
    [32, 1_700_000_060],
    [33, 1],
    [34, 3],
    [35, 3],
    [38, GOLDEN_090_CHECKSUM],
    [39, 18],
    [41, 18],
    [43, 0xffffffff],
    [64, 2],
    [65, 65_536],
  ];
  for (const [word, value] of words) set(word, value);
  const descriptor = (at: number, disk: number) =>
    [disk, 254, 16 * disk, disk, 6].forEach((value, index) => {
      set(at + index, value);
    });
  for (const disk of [0, 1, 2]) descriptor(128 + 32 * disk, disk);
  descriptor(992, 1);
  return bytes;
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/[0-9a-f]{2}/g) ?? [], (byte) => Number.parseInt(byte, 16));
}
