import type { OpenArray } from "@dmaengine/md";

/** Bytes that are read at a time. */
const BLOCK_BYTES = 4 * 1024 * 1024;

/** Reads `lengthBytes` from byte `offset` of an array, in blocks that are the receiver's to keep. */
export async function* readBlocks(
  array: OpenArray,
  offset: number,
  lengthBytes: number,
): AsyncGenerator<Uint8Array> {
  for (let done = 0; done < lengthBytes; ) {
    const toBoundary = BLOCK_BYTES - ((offset + done) % BLOCK_BYTES);
    const block = new Uint8Array(Math.min(toBoundary, lengthBytes - done));
    await array.read(offset + done, block);
    yield block;
    done += block.length;
  }
}
