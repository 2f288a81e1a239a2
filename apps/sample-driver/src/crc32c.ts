import { DMA_CTRL_ACK, type DmaAddr, DmaError, type DmaTxDescriptor } from "@dmaengine/core";
import type { BlockLimits, OperationDefinition } from "@dmaengine/core/driver";

declare module "@dmaengine/core" {
  interface DmaOperations {
    /** CRC-32C of a block, alone or of a copy as it is made. */
    crc32c: Crc32cOperation;
  }
}

/** Where an engine leaves a checksum before it completes the transaction. The client makes it and reads it afterwards. */
export interface Crc32cResult {
  /** 0 to 2^32 - 1. */
  value: number;
}

/** What a channel says of the operation. */
export interface Crc32cLimits extends BlockLimits {
  /** Whether the engine can copy the block at the same time. */
  readonly copy: boolean;
}

/** What a transaction carries to its driver. */
export interface Crc32cArgs {
  /** Where the copy goes; null for a checksum alone. */
  dst: DmaAddr | null;
  src: DmaAddr;
  lengthBytes: number;
  /** Checksum of what came before this block; 0 for the first one. */
  seed: number;
  result: Crc32cResult;
}

/**
 * Computes the CRC-32C (RFC 3720, section 12.1) of `lengthBytes` at `src`, and copies them to `dst` unless that is null.
 * `result.value` is the checksum of everything up to the end of this block, where `seed` is that of everything before it.
 * Returns null when the channel has no room now. Default flags: `DMA_CTRL_ACK`.
 */
export type PrepCrc32c = (
  dst: DmaAddr | null,
  src: DmaAddr,
  lengthBytes: number,
  seed: number,
  result: Crc32cResult,
  flags?: number,
) => DmaTxDescriptor | null;

export interface Crc32cOperation {
  args: Crc32cArgs;
  limits: Crc32cLimits;
  prep: PrepCrc32c;
}

/** The polynomial 0x1edc6f41 with its bits reversed: the lowest bit is the first one. */
const POLYNOMIAL = 0x82f63b78;

/** What the framework has to know of the operation. */
export const crc32c: OperationDefinition<"crc32c"> = {
  name: "crc32c",
  createArgs: () => ({ dst: null, src: 0, lengthBytes: 0, seed: 0, result: { value: 0 } }),
  bind:
    (port) =>
    (dst, src, lengthBytes, seed, result, flags = DMA_CTRL_ACK) => {
      check(port.limits, dst, src, lengthBytes);
      const tx = port.begin(flags);
      if (tx === null) return null;
      const { args } = tx;
      args.dst = dst;
      args.src = src;
      args.lengthBytes = lengthBytes;
      args.seed = seed;
      args.result = result;
      return port.end(tx, lengthBytes);
    },
  reads: (args, _flags, visit) => visit(args.src, args.lengthBytes),
  writes(args, _flags, visit) {
    if (args.dst !== null) visit(args.dst, args.lengthBytes);
  },
  /** Bit by bit, as the definition has it. */
  reference(args, _flags, memory) {
    let crc = ~args.seed;
    for (let at = 0; at < args.lengthBytes; at++) {
      const byte = memory.read(args.src + at);
      if (args.dst !== null) memory.write(args.dst + at, byte);
      crc ^= byte;
      for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 1 ? POLYNOMIAL : 0);
    }
    args.result.value = ~crc >>> 0;
  },
};

/** Refuses what is outside the limits, so that no driver has to. */
function check(limits: Crc32cLimits, dst: DmaAddr | null, src: DmaAddr, lengthBytes: number): void {
  const { alignBytes = 1, minLengthBytes = 1, maxLengthBytes = Number.MAX_SAFE_INTEGER, copy } = limits;
  const isAligned = (value: number): boolean => value >= 0 && value % alignBytes === 0;
  if (!(isAligned(lengthBytes) && lengthBytes >= minLengthBytes && lengthBytes <= maxLengthBytes)) {
    const expected = `${minLengthBytes} to ${maxLengthBytes} bytes in steps of ${alignBytes}`;
    throw new DmaError("ERR_DMA_LIMIT", `crc32c: expected ${expected}, got ${lengthBytes}`);
  }
  if (!isAligned(src) || (dst !== null && !isAligned(dst))) {
    const expected = `bus addresses aligned to ${alignBytes} bytes`;
    throw new DmaError("ERR_DMA_LIMIT", `crc32c: expected ${expected}, got ${src} and ${dst}`);
  }
  if (dst !== null && !copy) {
    throw new DmaError("ERR_DMA_LIMIT", "crc32c: this channel can't copy; expected dst to be null");
  }
}
