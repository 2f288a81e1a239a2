import {
  DmaTransferDirection,
  type InterleavedChunk,
  type InterleavedLimits,
  type InterleavedTemplate,
} from "@dmaengine/core";
import { builtIn } from "./built-in.js";
import { type OperationExercise, range } from "./exercise.js";

/** Where the gaps between chunks are: on neither side, one of them, or both. */
const GAPS = [
  { title: "no gaps", src: false, dst: false },
  { title: "gaps at the source", src: true, dst: false },
  { title: "gaps at the destination", src: false, dst: true },
  { title: "gaps on both sides", src: true, dst: true },
];

/** From memory to memory: with a peripheral on one side nobody but the peripheral could tell. */
export const interleaved: OperationExercise<"interleaved"> = {
  definition: builtIn("interleaved"),
  shapes: (limits) =>
    [1, 2, 3]
      .filter((chunks) => chunks <= limits.maxChunks)
      .flatMap((chunks) =>
        [1, 2, 5]
          .filter((frames) => frames <= (limits.maxFrames ?? frames))
          .flatMap((frames) =>
            GAPS.map(({ title, src, dst }) => ({
              title: `${frames} frames of ${chunks} chunks, ${title}`,
              operands: 2,
              flags: 0,
              prepare: (preps, [dstStart, srcStart], lengthBytes, flags) => ({
                tx: preps.prepInterleaved(
                  {
                    srcStart: srcStart!,
                    dstStart: dstStart!,
                    direction: DmaTransferDirection.MEM_TO_MEM,
                    srcSgl: src,
                    dstSgl: dst,
                    ...framesWithin(limits, lengthBytes, frames, chunks),
                  },
                  flags,
                ),
              }),
            })),
          ),
      ),
};

/** As many frames of as many chunks as fit into a length, up to what is wanted, with a gap behind each chunk. */
function framesWithin(
  limits: InterleavedLimits,
  lengthBytes: number,
  frames: number,
  chunks: number,
): Pick<InterleavedTemplate, "numFrames" | "chunks"> {
  const { alignBytes = 1, minLengthBytes = 1, maxLengthBytes = Number.MAX_SAFE_INTEGER } = limits;
  const pieceBytes = lengthBytes / (frames * chunks);
  const gapBytes = Math.floor(pieceBytes / 4 / alignBytes) * alignBytes;
  const sizeBytes = Math.floor(Math.min(pieceBytes - gapBytes, maxLengthBytes) / alignBytes) * alignBytes;
  if (sizeBytes < minLengthBytes) return { numFrames: 1, chunks: [{ sizeBytes: lengthBytes }] };
  return {
    numFrames: frames,
    chunks: range(0, chunks).map((): InterleavedChunk => ({ sizeBytes, icgBytes: gapBytes })),
  };
}
