/**
 * What the hardware half and the driver half have in common, and all that they have in common: the register map and the descriptor format
 * of I/OAT, under the names of drivers/dma/ioat/registers.h and hw.h.
 *
 * @module
 */

// Device registers: offsets from the start of BAR 0 (registers.h, "MMIO Device Registers").

/** 8 bits, [4:0]: number of channels. */
export const CHANCNT = 0x00;
/** 8 bits, [4:0]: log2 of the longest transfer of one descriptor, in bytes. */
export const XFERCAP = 0x01;
/** 8 bits: interrupt control. */
export const INTRCTRL = 0x03;
export const INTRCTRL_MASTER_INT_EN = 0x01;
/** ATTNSTATUS is not zero. */
export const INTRCTRL_INT_STATUS = 0x02;
/** Status and enable: the interrupt is asserted. */
export const INTRCTRL_INT = 0x04;
/** One message signalled interrupt for each channel, instead of one for the device. */
export const INTRCTRL_MSIX_VECTOR_CONTROL = 0x08;
/** 32 bits: bit n, channel n wants attention. */
export const ATTNSTATUS = 0x04;
/** 8 bits: [7:4] major, [3:0] minor version. */
export const VER = 0x08;
export const VER_1_2 = 0x12;
export const VER_2_0 = 0x20;
export const VER_3_0 = 0x30;
export const VER_3_2 = 0x32;
export const VER_3_3 = 0x33;
/** 16 bits, [13:0]: how long an interrupt waits for others to join it, in microseconds. */
export const INTRDELAY = 0x0c;
export const INTRDELAY_MASK = 0x3fff;
/** The device can do that. */
export const INTRDELAY_COALESCE_SUPPORT = 0x8000;
/** 32 bits, from version 3.0 on: what the device can do. */
export const DMACAP = 0x10;
export const DMACAP_FILL_BLOCK = 1 << 6;
export const DMACAP_XOR = 1 << 8;
export const DMACAP_PQ = 1 << 9;
/** Descriptor write-back of error status: a check leaves its verdict in the descriptor. */
export const DMACAP_DWBES = 1 << 13;
/** P+Q of up to 16 sources, with super extended descriptors. */
export const DMACAP_RAID16SS = 1 << 17;

// PCI configuration space (registers.h, "PCI Configuration Space Values").

/** 32 bits, in versions 3.0 to 3.2: the errors of all channels; write 1 to clear. A reset of a channel leaves it as it is. */
export const PCI_CHANERR_INT = 0x180;

// Channel registers: offsets from the start of the channel's own block.

/** The block of channel n begins here. */
export function channelBase(n: number): number {
  return 0x80 * (n + 1);
}
export const CHANNEL_BLOCK_BYTES = 0x80;
/** 16 bits: channel control. */
export const CHANCTRL = 0x00;
/** Writing 1 allows the channel one more interrupt. */
export const CHANCTRL_INT_REARM = 0x0001;
/** Write the completion word when an error halts the channel. */
export const CHANCTRL_ERR_COMPLETION_EN = 0x0004;
const CHANCTRL_ANY_ERR_ABORT_EN = 0x0008;
/** Interrupt when an error halts the channel. */
export const CHANCTRL_ERR_INT_EN = 0x0010;
/** What the driver runs a channel with (`IOAT_CHANCTRL_RUN`). */
export const CHANCTRL_RUN =
  CHANCTRL_INT_REARM | CHANCTRL_ERR_COMPLETION_EN | CHANCTRL_ANY_ERR_ABORT_EN | CHANCTRL_ERR_INT_EN;
/** 16 bits: which earlier versions the channel is compatible with. */
export const DMA_COMP = 0x02;
export const DMA_COMP_V1 = 0x1;
export const DMA_COMP_V2 = 0x2;
/** What lies elsewhere in the channels of version 1 than in those of version 2 and later. */
export interface ChannelLayout {
  /** 8 bits: commands. */
  readonly CHANCMD: number;
  /** 64 bits: [2:0] state, [63:6] address of the last completed descriptor. */
  readonly CHANSTS: number;
  /** 64 bits: address of the chain's first descriptor. Written as two halves, the low one first. */
  readonly CHAINADDR: number;
}
export const LAYOUT_V1: ChannelLayout = { CHANCMD: 0x14, CHANSTS: 0x04, CHAINADDR: 0x0c };
export const LAYOUT_V2: ChannelLayout = { CHANCMD: 0x04, CHANSTS: 0x08, CHAINADDR: 0x10 };

/** Version 1: begins with the chain at CHAINADDR. */
export const CHANCMD_START = 0x01;
/** Version 1: descriptors were linked to the end of the chain. */
export const CHANCMD_APPEND = 0x02;
export const CHANCMD_SUSPEND = 0x04;
export const CHANCMD_RESUME = 0x10;
/** Reads back as 1 until the reset is done. */
export const CHANCMD_RESET = 0x20;
/** 16 bits, from version 2 on: descriptors made available since the chain was started, modulo 2^16. Writing it is the door bell. */
export const DMACOUNT = 0x06;
/** 64 bits: where the completion word is written, in the format of CHANSTS. Written as two halves. */
export const CHANCMP = 0x18;
/** 64 bits: address of the current descriptor. */
export const CDAR = 0x20;
/** 32 bits: errors; write 1 to clear. */
export const CHANERR = 0x28;
/** 32 bits: 1, this error neither halts nor interrupts. */
export const CHANERR_MASK = 0x2c;

/** State of a channel, in CHANSTS and in the completion word. */
export const CHANSTS_STATE = 0x7;
export const CHANSTS_ACTIVE = 0;
export const CHANSTS_DONE = 1;
export const CHANSTS_SUSPENDED = 2;
export const CHANSTS_HALTED = 3;

export const CHANERR_NEXT_DESC_ADDR = 1 << 2;
export const CHANERR_NEXT_DESC_ALIGN = 1 << 3;
export const CHANERR_CHANCMD = 1 << 5;
export const CHANERR_READ_DATA = 1 << 8;
export const CHANERR_WRITE_DATA = 1 << 9;
export const CHANERR_CONTROL = 1 << 10;
export const CHANERR_LENGTH = 1 << 11;
export const CHANERR_COMPLETION_ADDR = 1 << 12;
/** The address of a super extended descriptor. */
export const CHANERR_SED = 1 << 14;
/** XOR or P mismatch. */
export const CHANERR_XOR_P_OR_CRC = 1 << 16;
export const CHANERR_Q = 1 << 17;
export const CHANERR_DESC_COUNT = 1 << 18;

// Descriptors: eight little-endian 64-bit fields (hw.h). Field 0 is the size in bytes and, above it, the control word.

export const DESCRIPTOR_BYTES = 64;
export const FIELD_SRC = 1;
export const FIELD_DST = 2;
/** The address of the next descriptor, in every format and in extensions too. */
export const FIELD_NEXT = 3;
export const FIELD_PQ_P = 2;
/** With 16 sources: the address of the super extended descriptor. */
export const FIELD_PQ_SED = 5;
/** Coefficients 0 to 7, one byte each. */
export const FIELD_PQ_COEF = 6;
export const FIELD_PQ_Q = 7;

/** A super extended descriptor is two blocks, whose fields are counted on: 0 to 7 and 8 to 15. Aligned like a descriptor. */
export const SED_BYTES = 2 * DESCRIPTOR_BYTES;
/** Coefficients 8 to 15, one byte each. */
export const FIELD_SED_COEF = 0;

/** Where the addresses of a RAID descriptor's sources are: as many as there is room for in fields of the base, the others in what extends it. */
export interface SourceLayout {
  readonly base: readonly number[];
  /** Fields of the extension descriptor, or of the super extended descriptor. */
  readonly ext: readonly number[];
}
export const XOR_SOURCES: SourceLayout = { base: [1, 4, 5, 6, 7], ext: [0, 1, 2] };
export const PQ_SOURCES: SourceLayout = { base: [1, 4, 5], ext: [0, 1, 2, 4, 5] };
export const PQ_16_SOURCES: SourceLayout = {
  base: [1, 4],
  ext: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14],
};

/** The control word. */
export const CTL_INT_EN = 1 << 0;
export const CTL_COMPL_WRITE = 1 << 3;
export const CTL_FENCE = 1 << 4;
/** Copy: moves nothing. */
export const CTL_NULL = 1 << 5;
/** XOR and PQ: [7:5] is the number of sources, less the least that the operation can have. */
export const CTL_SRC_CNT_SHIFT = 5;
export const CTL_SRC_CNT_MASK = 0x7;
export const MIN_SOURCES = 2;
export const MAX_SOURCES = 8;
/** Of the operations with 16 sources. */
export const MIN_SOURCES_16 = 9;
export const MAX_SOURCES_16 = 16;
/** PQ: leave P, or Q, out. Its address must be valid all the same. */
export const CTL_P_DISABLE = 1 << 11;
export const CTL_Q_DISABLE = 1 << 12;
/** PQ_VAL: write the verdict into the descriptor, in the place of the size. */
export const CTL_WB_EN = 1 << 15;
/** [31:24]: the operation. */
export const CTL_OP_SHIFT = 24;

export const OP_COPY = 0x00;
/** Field 1 is a pattern of eight bytes. */
export const OP_FILL = 0x01;
export const OP_XOR = 0x87;
export const OP_XOR_VAL = 0x88;
export const OP_PQ = 0x89;
export const OP_PQ_VAL = 0x8a;
export const OP_PQ_16 = 0xa0;
export const OP_PQ_VAL_16 = 0xa1;

/** What a check writes in the place of the size, where CTL_WB_EN told it to (hw.h, `dwbes`). */
export const DWBES_P = 1 << 25;
export const DWBES_Q = 1 << 26;
/** It was written. */
export const DWBES_WRITTEN = 1 << 31;

/** A null descriptor moves nothing, but from version 3.0 on a size of 0 is an error (`NULL_DESC_BUFFER_SIZE`). */
export const NULL_DESC_SIZE = 1;
