/**
 * What the hardware half and the driver half have in common, and all that they have in common: the register map and the linked list item of the
 * PL080 family, under the names of include/linux/amba/pl080.h.
 *
 * @module
 */

// Controller registers, 32 bits each: offsets from the start of the controller's region.

/** Bit n: channel n interrupts, for terminal count or error. */
export const INT_STATUS = 0x00;
/** Terminal count, after masking. */
export const TC_STATUS = 0x04;
/** Write 1 to clear. */
export const TC_CLEAR = 0x08;
/** Error, after masking. */
export const ERR_STATUS = 0x0c;
/** Write 1 to clear. */
export const ERR_CLEAR = 0x10;
/** Terminal count, before masking. */
export const RAW_TC = 0x14;
/** Error, before masking. */
export const RAW_ERR = 0x18;
/** Bit n: channel n is enabled. */
export const EN_CHAN = 0x1c;
/** Requests by software, bit n for request signal n: burst, single, last burst, last single. Read: by software or peripheral. */
export const SOFT_BREQ = 0x20;
export const SOFT_SREQ = 0x24;
export const SOFT_LBREQ = 0x28;
export const SOFT_LSREQ = 0x2c;
/** Controller configuration. */
export const CONFIG = 0x30;
export const CONFIG_ENABLE = 1 << 0;
/** Bit n: request signal n is not synchronised to the controller's clock. */
export const SYNC = 0x34;

/** Identification of every PrimeCell: four registers of 8 bits each, the lowest byte first (drivers/amba/bus.c). */
export const PERIPHID = 0xfe0;
/** Size of the controller's region. */
export const REGION_BYTES = 0x1000;

// Channel registers, 32 bits each: offsets from the start of the channel's block.

/** The block of channel n begins here. */
export function channelBase(n: number): number {
  return 0x100 + 0x20 * n;
}
/** Address of the next source and destination access. */
export const CH_SRC_ADDR = 0x00;
export const CH_DST_ADDR = 0x04;
/** [31:2] address of the next linked list item, 0 for none; [0] fetch it through AHB master 2. */
export const CH_LLI = 0x08;
export const LLI_LM_AHB2 = 1 << 0;
export const LLI_ADDR_MASK = 0xffff_fffc;
export const CH_CONTROL = 0x0c;
export const CH_CONFIG = 0x10;
/** PL080S: transfer size, which pushes the configuration back. */
export const PL080S_CH_CONTROL2 = 0x10;
export const PL080S_CH_CONFIG = 0x14;

/** Channel control. [11:0] transfer size in source accesses, except on the PL080S. */
export const CONTROL_TRANSFER_SIZE_MASK = 0xfff;
export const PL080S_CONTROL_TRANSFER_SIZE_MASK = 0x1ff_ffff;
/** Burst sizes, as indices into {@link BURST_ELEMENTS}: [14:12] source, [17:15] destination. */
export const CONTROL_SB_SIZE_SHIFT = 12;
export const CONTROL_DB_SIZE_SHIFT = 15;
export const CONTROL_BURST_MASK = 0x7;
/** Access widths, log2 of bytes, 0 to 2: [20:18] source, [23:21] destination. */
export const CONTROL_SWIDTH_SHIFT = 18;
export const CONTROL_DWIDTH_SHIFT = 21;
export const CONTROL_WIDTH_MASK = 0x7;
export const WIDTH_32BIT = 2;
/** The side is reached through AHB master 2. */
export const CONTROL_SRC_AHB2 = 1 << 24;
export const CONTROL_DST_AHB2 = 1 << 25;
/** The address moves on with each access. */
export const CONTROL_SRC_INCR = 1 << 26;
export const CONTROL_DST_INCR = 1 << 27;
/** Protection: privileged access. */
export const CONTROL_PROT_SYS = 1 << 28;
/** Terminal count interrupt at the end of this item. */
export const CONTROL_TC_IRQ_EN = 0x8000_0000;

/** Accesses in a burst, by code. */
export const BURST_ELEMENTS = [1, 4, 8, 16, 32, 64, 128, 256] as const;
export const MAX_BURST_ELEMENTS = 256;
export const MAX_WIDTH_BYTES = 4;

/** Channel configuration. */
export const CONFIG_CH_ENABLE = 1 << 0;
/** [4:1] (PL080S: [5:1]) request signal of the source, [9:6] ([10:6]) of the destination. */
export const CONFIG_SRC_SEL_SHIFT = 1;
export const CONFIG_DST_SEL_SHIFT = 6;
export const CONFIG_SEL_MASK = 0x1f;
/** [13:11] what is moved between what, and who controls the flow. */
export const CONFIG_FLOW_CONTROL_SHIFT = 11;
export const CONFIG_FLOW_CONTROL_MASK = 0x7;
export const FLOW_MEM2MEM = 0;
export const FLOW_MEM2PER = 1;
export const FLOW_PER2MEM = 2;
/** 3 is between two peripherals. From here on a peripheral controls the flow: the transfer size does not count. */
export const FLOW_SRC2DST_DST = 4;
export const FLOW_MEM2PER_PER = 5;
export const FLOW_PER2MEM_PER = 6;
export const FLOW_SRC2DST_SRC = 7;
/** 1 lets the interrupt through, whatever "mask" suggests. */
export const CONFIG_ERR_IRQ_MASK = 1 << 14;
export const CONFIG_TC_IRQ_MASK = 1 << 15;
/** Read only: data is in the channel's FIFO. */
export const CONFIG_ACTIVE = 1 << 17;
/** Ignore further requests. */
export const CONFIG_HALT = 1 << 18;

/** The controller's masters, as bits of a mask (`PL08X_AHB1`, `PL08X_AHB2`). */
export const AHB1 = 1 << 0;
export const AHB2 = 1 << 1;

// Linked list items: little-endian 32-bit words in memory, in the order of the channel's registers.

export const LLI_SRC = 0;
export const LLI_DST = 1;
export const LLI_LLI = 2;
export const LLI_CONTROL = 3;
/** PL080S. */
export const LLI_CONTROL2 = 4;

/** Whether the source, or the destination, of a flow control code is a peripheral with a request signal. */
export function sourceIsPeripheral(flow: number): boolean {
  return flow !== FLOW_MEM2MEM && flow !== FLOW_MEM2PER && flow !== FLOW_MEM2PER_PER;
}
export function destinationIsPeripheral(flow: number): boolean {
  return flow !== FLOW_MEM2MEM && flow !== FLOW_PER2MEM && flow !== FLOW_PER2MEM_PER;
}
