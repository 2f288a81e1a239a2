import type { DmaTxDescriptor } from "../descriptor.js";
import { DmaError } from "../errors.js";
import { DMA_CTRL_ACK, DMA_PREP_LOAD_EOT, DMA_PREP_REPEAT } from "../flags.js";
import type { DmaAddr } from "../mapping/domain.js";
import { DmaTransferDirection } from "../slave.js";
import { checkAddr, checkLength, peripheralOf } from "./limits.js";
import type { BlockLimits, OperationDefinition, RangeVisitor } from "./operation.js";

/** A run of bytes in a frame, and the gap after it: `struct data_chunk`. */
export interface InterleavedChunk {
  readonly sizeBytes: number;
  /** The gap, on each side whose `…Sgl` is true. Default 0. */
  readonly icgBytes?: number;
  /** The gap at the destination, in place of {@link icgBytes}. */
  readonly dstIcgBytes?: number;
  /** The gap at the source, in place of {@link icgBytes}. */
  readonly srcIcgBytes?: number;
}

/** A transfer of `numFrames` equal frames, each a sequence of chunks: `struct dma_interleaved_template`. */
export interface InterleavedTemplate {
  /** Bus address where the source starts; on a peripheral's side, of its register. */
  readonly srcStart: DmaAddr;
  readonly dstStart: DmaAddr;
  readonly direction: DmaTransferDirection;
  /** Whether the source address moves on. Default true. False for a register. */
  readonly srcInc?: boolean;
  readonly dstInc?: boolean;
  /** Whether {@link InterleavedChunk.icgBytes} applies to the source. Default false. */
  readonly srcSgl?: boolean;
  readonly dstSgl?: boolean;
  readonly numFrames: number;
  readonly chunks: readonly InterleavedChunk[];
}

export interface InterleavedLimits extends BlockLimits {
  /** Most chunks in a frame. */
  readonly maxChunks: number;
  /** Most frames. Default: no limit. */
  readonly maxFrames?: number;
  /** Whether the engine can repeat a transfer (`DMA_REPEAT`). Default false. */
  readonly repeat?: boolean;
  /** Whether it can replace a repeated one at its end (`DMA_LOAD_EOT`). Default false. */
  readonly loadEot?: boolean;
}

/** The template with its gaps worked out. The first `chunkCnt` entries are in use. */
export interface InterleavedArgs {
  srcStart: DmaAddr;
  dstStart: DmaAddr;
  direction: DmaTransferDirection;
  srcInc: boolean;
  dstInc: boolean;
  numFrames: number;
  readonly sizesBytes: Float64Array;
  /** What to skip on either side after each chunk (`dmaengine_get_src_icg`, `dmaengine_get_dst_icg`). */
  readonly srcGapsBytes: Float64Array;
  readonly dstGapsBytes: Float64Array;
  chunkCnt: number;
}

/**
 * Moves frames of chunks (`dmaengine_prep_interleaved_dma`). The template is read before the call returns.
 * With `DMA_PREP_REPEAT` it starts over at its end, with one callback for each time, until the channel is terminated or another
 * transfer with `DMA_PREP_LOAD_EOT` takes its place. Either flag throws `ERR_DMA_LIMIT` where the limits don't have it; the original
 * answers null to the first, which here means "no room now", and does not look at the second.
 * Returns null when the channel has no room now. Default flags: {@link DMA_CTRL_ACK}.
 */
export type PrepInterleaved = (template: InterleavedTemplate, flags?: number) => DmaTxDescriptor | null;

/** Transfer of frames of chunks with gaps between them: `DMA_INTERLEAVE`. */
export interface InterleavedOperation {
  args: InterleavedArgs;
  limits: InterleavedLimits;
  prep: PrepInterleaved;
}

export const interleaved: OperationDefinition<"interleaved"> = {
  name: "interleaved",
  createArgs: (limits) => ({
    srcStart: 0,
    dstStart: 0,
    direction: DmaTransferDirection.MEM_TO_MEM,
    srcInc: true,
    dstInc: true,
    numFrames: 0,
    sizesBytes: new Float64Array(limits.maxChunks),
    srcGapsBytes: new Float64Array(limits.maxChunks),
    dstGapsBytes: new Float64Array(limits.maxChunks),
    chunkCnt: 0,
  }),
  bind:
    (port) =>
    (template, flags = DMA_CTRL_ACK) => {
      checkTemplate(template, port.limits, flags);
      const tx = port.begin(flags);
      if (tx === null) return null;
      const { args } = tx;
      const { srcInc = true, dstInc = true, srcSgl = false, dstSgl = false, chunks } = template;
      args.srcStart = template.srcStart;
      args.dstStart = template.dstStart;
      args.direction = template.direction;
      args.srcInc = srcInc;
      args.dstInc = dstInc;
      args.numFrames = template.numFrames;
      args.chunkCnt = chunks.length;
      let frameBytes = 0;
      for (let i = 0; i < chunks.length; i++) {
        const chunk = chunks[i] as InterleavedChunk;
        args.sizesBytes[i] = chunk.sizeBytes;
        args.srcGapsBytes[i] = gap(srcInc, srcSgl, chunk.icgBytes, chunk.srcIcgBytes);
        args.dstGapsBytes[i] = gap(dstInc, dstSgl, chunk.icgBytes, chunk.dstIcgBytes);
        frameBytes += chunk.sizeBytes;
      }
      return port.end(tx, frameBytes * template.numFrames);
    },
  reads(args, _flags, visit) {
    if (inMemory(args.direction, "src")) {
      visitChunks(args, args.srcStart, args.srcInc, args.srcGapsBytes, visit);
    }
  },
  writes(args, _flags, visit) {
    if (inMemory(args.direction, "dst")) {
      visitChunks(args, args.dstStart, args.dstInc, args.dstGapsBytes, visit);
    }
  },
  /** Once through all frames. */
  reference(args, _flags, memory) {
    let src = args.srcStart;
    let dst = args.dstStart;
    for (let i = 0; i < args.numFrames * args.chunkCnt; i++) {
      const chunk = i % args.chunkCnt;
      for (let at = 0; at < (args.sizesBytes[chunk] as number); at++) {
        const value = inMemory(args.direction, "src")
          ? memory.read(src)
          : peripheralOf("interleaved", memory).read();
        if (inMemory(args.direction, "dst")) memory.write(dst, value);
        else peripheralOf("interleaved", memory).write(value);
        if (args.srcInc) src += 1;
        if (args.dstInc) dst += 1;
      }
      src += args.srcGapsBytes[chunk] as number;
      dst += args.dstGapsBytes[chunk] as number;
    }
  },
};

function checkTemplate(template: InterleavedTemplate, limits: InterleavedLimits, flags: number): void {
  const { chunks, numFrames } = template;
  const maxFrames = limits.maxFrames ?? Number.MAX_SAFE_INTEGER;
  if (!(chunks.length >= 1 && chunks.length <= limits.maxChunks)) {
    throw refused(`expected frames of 1 to ${limits.maxChunks} chunks, got ${chunks.length}`);
  }
  if (!(Number.isInteger(numFrames) && numFrames >= 1 && numFrames <= maxFrames)) {
    throw refused(`expected 1 to ${maxFrames} frames, got ${numFrames}`);
  }
  if ((flags & DMA_PREP_REPEAT) !== 0 && limits.repeat !== true) {
    throw refused("this channel can't repeat a transfer (DMA_PREP_REPEAT)");
  }
  if ((flags & DMA_PREP_LOAD_EOT) !== 0 && limits.loadEot !== true) {
    throw refused("this channel can't replace a repeated transfer at its end (DMA_PREP_LOAD_EOT)");
  }
  checkAddr("interleaved", limits, template.srcStart);
  checkAddr("interleaved", limits, template.dstStart);
  for (const chunk of chunks) checkLength("interleaved", limits, chunk.sizeBytes);
}

/** `dmaengine_get_icg`: the side's own gap, else the common one if the side is scattered; none where the address stands still. */
function gap(inc: boolean, sgl: boolean, icgBytes = 0, sideIcgBytes = 0): number {
  if (!inc) return 0;
  if (sideIcgBytes !== 0) return sideIcgBytes;
  return sgl ? icgBytes : 0;
}

function inMemory(direction: DmaTransferDirection, side: "src" | "dst"): boolean {
  if (direction === DmaTransferDirection.MEM_TO_MEM) return true;
  return direction === (side === "src" ? DmaTransferDirection.MEM_TO_DEV : DmaTransferDirection.DEV_TO_MEM);
}

function visitChunks(
  args: InterleavedArgs,
  start: DmaAddr,
  inc: boolean,
  gapsBytes: Float64Array,
  visit: RangeVisitor,
): void {
  let addr = start;
  for (let i = 0; i < args.numFrames * args.chunkCnt; i++) {
    const chunk = i % args.chunkCnt;
    const sizeBytes = args.sizesBytes[chunk] as number;
    visit(addr, inc ? sizeBytes : 1);
    if (inc) addr += sizeBytes + (gapsBytes[chunk] as number);
  }
}

function refused(message: string): DmaError {
  return new DmaError("ERR_DMA_LIMIT", `interleaved: ${message}`);
}
