/**
 * What the hardware half and the driver half have in common, and all that they have in common: the register map and the descriptor format of
 * the Marvell XOR unit, under the names of drivers/dma/mv_xor.h. A unit has two channels; `c` is the channel's number.
 *
 * @module
 */

export const MAX_CHANNELS = 2;
export const MAX_SOURCES = 8;
/** `MV_XOR_MIN_BYTE_COUNT` */
export const MIN_BYTE_COUNT = 128;
/** `MV_XOR_MAX_BYTE_COUNT` */
export const MAX_BYTE_COUNT = 16 * 1024 * 1024 - 1;

// The low register area.

export const LOW_AREA_BYTES = 0x100;

/** 32 bits: how channel `c` works. */
export function CONFIG(c: number): number {
  return 0x10 + 4 * c;
}
export const CONFIG_MODE = 0x7;
export const MODE_XOR = 0;
export const MODE_MEMCPY = 2;
export const MODE_MEMINIT = 4;
/** The operation is in the command word of each descriptor. Armada 38x and later. */
export const MODE_IN_DESC = 7;
export const CONFIG_READ_SWAP = 1 << 12;
export const CONFIG_WRITE_SWAP = 1 << 13;
/** Descriptors are swapped in units of 8 bytes: for CPUs that run big-endian. */
export const CONFIG_DESC_SWAP = 1 << 14;

/** 32 bits: commands to channel `c`, and its state. */
export function ACTIVATION(c: number): number {
  return 0x20 + 4 * c;
}
export const ACTIVATION_START = 1 << 0;
export const ACTIVATION_STOP = 1 << 1;
export const ACTIVATION_PAUSE = 1 << 2;
export const ACTIVATION_RESTART = 1 << 3;
export const ACTIVATION_STATUS_SHIFT = 4;
export const ACTIVATION_STATUS = 0x3 << ACTIVATION_STATUS_SHIFT;
export const STATUS_IDLE = 0;
export const STATUS_ACTIVE = 1;
export const STATUS_PAUSED = 2;

/** 32 bits, 16 for each channel: what happened. A written 0 clears, a written 1 leaves the bit alone. */
export const INTR_CAUSE = 0x30;
/** 32 bits, 16 for each channel: 1 lets the cause interrupt. */
export const INTR_MASK = 0x40;
export const CHANNEL_CAUSE_BITS = 16;
export const CHANNEL_CAUSE = 0xffff;
/** End of a descriptor that asked for it. */
export const INT_END_OF_DESC = 1 << 0;
export const INT_END_OF_CHAIN = 1 << 1;
export const INT_STOPPED = 1 << 2;
export const INT_PAUSED = 1 << 3;
/** An address that no window decodes. */
export const INT_ERR_DECODE = 1 << 4;
/** A read from a window that does not allow it. */
export const INT_ERR_RDPROT = 1 << 5;
/** A write to a window that does not allow it. */
export const INT_ERR_WRPROT = 1 << 6;
/** A descriptor that the engine does not own. */
export const INT_ERR_OWN = 1 << 7;
export const INT_ERR_PAR = 1 << 8;
/** Nothing answered on the crossbar. */
export const INT_ERR_MBUS = 1 << 9;
export const INT_ERRORS =
  INT_ERR_DECODE | INT_ERR_RDPROT | INT_ERR_WRPROT | INT_ERR_OWN | INT_ERR_PAR | INT_ERR_MBUS;
/** What the driver enables, of each channel: everything but PAUSED (0x3f7). */
export const INTR_MASK_VALUE = INT_END_OF_DESC | INT_END_OF_CHAIN | INT_STOPPED | INT_ERRORS;

/** 32 bits, [4:0]: type of the last error of either channel. */
export const ERROR_CAUSE = 0x50;
/** 32 bits: the address that the last error of either channel is about. */
export const ERROR_ADDR = 0x60;

// The high register area.

export const HIGH_AREA_BYTES = 0x100;

/** 32 bits: where the next descriptor of channel `c` is; a chain starts with it. */
export function NEXT_DESC(c: number): number {
  return 0x00 + 4 * c;
}
/** 32 bits: the descriptor that was fetched last. */
export function CURR_DESC(c: number): number {
  return 0x10 + 4 * c;
}
/** 32 bits: bytes that the current descriptor has still to move. */
export function BYTE_COUNT(c: number): number {
  return 0x20 + 4 * c;
}
/** 32 bits: bit `w` lets channel `c` use window `w`, bits 16 + 2w and above say how. */
export function WINDOW_BAR_ENABLE(c: number): number {
  return 0x40 + 4 * c;
}
export const WINDOW_ACCESS_SHIFT = 16;
export const WINDOW_ACCESS = 0x3;
export const WINDOW_ACCESS_NONE = 0;
export const WINDOW_ACCESS_READ = 1;
export const WINDOW_ACCESS_FULL = 3;
export const WINDOW_COUNT = 8;
/** Bases and sizes of windows are multiples of this. */
export const WINDOW_UNIT_BYTES = 0x1_0000;
/** 32 bits: [31:16] base of window `w`, [15:8] attribute, [7:0] target. */
export function WINDOW_BASE(w: number): number {
  return 0x50 + 4 * w;
}
/** 32 bits: [31:16] of the size of window `w`, less 1. */
export function WINDOW_SIZE(w: number): number {
  return 0x70 + 4 * w;
}
export const REMAP_WINDOW_COUNT = 4;
/** 32 bits: the high half of the addresses behind window `w`. */
export function WINDOW_REMAP_HIGH(w: number): number {
  return 0x90 + 4 * w;
}
/** 32 bits: windows that are overridden. */
export function WINDOW_OVERRIDE_CTRL(c: number): number {
  return 0xa0 + 4 * c;
}
/** 32 bits: where MEMINIT writes. */
export function DEST_POINTER(c: number): number {
  return 0xb0 + 4 * c;
}
/** 32 bits: how much MEMINIT writes. */
export function BLOCK_SIZE(c: number): number {
  return 0xc0 + 4 * c;
}
/** 32 bits each: what MEMINIT writes, for both channels. */
export const INIT_VALUE_LOW = 0xe0;
export const INIT_VALUE_HIGH = 0xe4;

// Descriptors: sixteen little-endian 32-bit words (struct mv_xor_desc).

export const DESCRIPTOR_BYTES = 64;
export const WORD_STATUS = 0;
export const WORD_CRC32 = 1;
export const WORD_COMMAND = 2;
/** Address of the next descriptor; 0 ends the chain. */
export const WORD_NEXT = 3;
export const WORD_BYTE_COUNT = 4;
/** The destination; P of PQ. */
export const WORD_DST = 5;
/** Source 0; the others follow. */
export const WORD_SRC0 = 6;
/** PQ: where Q goes. */
export const WORD_Q = 14;

/** Status: written 1 by the driver, 0 by the device. */
export const DESC_OWNED = 1 << 31;
/** Status: written by the device. */
export const DESC_SUCCESS = 1 << 30;

/** Command: interrupt at the end of this descriptor. Bits 0 to 7 enable the sources. */
export const DESC_INT_END = 1 << 31;
/** Command, [27:24], in mode IN_DESC. */
export const DESC_OP_SHIFT = 24;
export const DESC_OP_MASK = 0xf;
export const OP_XOR = 0;
export const OP_MEMCPY = 2;
export const OP_PQ = 5;
export const DESC_SOURCES = 0xff;
export const DESC_P_ENABLE = 1 << 8;
export const DESC_Q_ENABLE = 1 << 9;

/** PQ: what the multiplier of each source slot is wired to. */
export const PQ_SLOT_COEFS: readonly number[] = [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80];
