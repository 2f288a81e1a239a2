import { type BlockLimits, DMA_CTRL_ACK, DMA_PREP_INTERRUPT, DmaDirection, DmaStatus } from "@dmaengine/core";
import { type Bench, statusInWords } from "../bench.js";
import { nearestLength } from "../layout.js";
import { TransferPattern } from "../pattern.js";
import { type PatternedOperation, type PatternedTransfer, patternedTransfer } from "../patterned-transfer.js";
import type { Section } from "./section.js";

/** `test_buf_size` of dmatest. */
const BUFFER_BYTES = 16_384;
const SOURCES = { xor: 3, pq: 3 };
const OPERATIONS: readonly PatternedOperation[] = ["memcpy", "memset", "xor", "pq"];

export const patterns: Section = {
  title: "dmatest's patterned buffers",
  cases: OPERATIONS.map((operation) => ({
    title: `${operation} copies what it should, where it should, and nothing else`,
    needs: operation,
    async run(bench) {
      for (const device of bench.devicesWith(operation)) {
        const chan = bench.request(device, operation);
        const transfer = patternedTransfer(chan, operation, SOURCES);
        const block = device.capabilities[operation] as BlockLimits;
        for (let round = 0; round < (bench.long ? 500 : 10); round++) {
          await tryOnce(bench, chan, transfer, block);
        }
      }
    },
  })),
};

/** One iteration of dmatest: whole buffers are mapped, a random part of them is transferred. */
async function tryOnce(
  bench: Bench,
  chan: ReturnType<Bench["request"]>,
  transfer: PatternedTransfer,
  block: BlockLimits,
): Promise<void> {
  const { random } = bench;
  const { device } = chan;
  const step = block.alignBytes ?? 1;
  const lengthBytes = nearestLength(block, random.int(1, BUFFER_BYTES));
  const sizeBytes = Math.max(BUFFER_BYTES, lengthBytes);
  const anywhere = (): number => Math.floor(random.int(0, sizeBytes - lengthBytes) / step) * step;
  const [srcOffsetBytes, dstOffsetBytes] = [anywhere(), anywhere()];
  const pattern = new TransferPattern(
    { offsetBytes: srcOffsetBytes, lengthBytes },
    dstOffsetBytes,
    transfer.operation === "memset",
  );
  const buffers = (count: number): Uint8Array[] =>
    Array.from({ length: count }, () => new Uint8Array(sizeBytes));
  const [srcs, dsts] = [buffers(transfer.sources), buffers(transfer.destinations)];
  for (const src of srcs) pattern.fillSource(src);
  for (const dst of dsts) pattern.fillDestination(dst);

  const unmap = device.getUnmapData(srcs.length + dsts.length);
  unmap.len = sizeBytes;
  const srcAddrs = srcs.map((src) => device.mapSingle(src, DmaDirection.TO_DEVICE));
  const dstAddrs = dsts.map((dst) => device.mapSingle(dst, DmaDirection.BIDIRECTIONAL));
  unmap.addr.set([...srcAddrs, ...dstAddrs]);
  unmap.toCnt = srcs.length;
  unmap.bidiCnt = dsts.length;
  const tx = transfer.prep(
    dstAddrs.map((addr) => addr + dstOffsetBytes),
    srcAddrs.map((addr) => addr + srcOffsetBytes),
    lengthBytes,
    pattern.fillByte,
    DMA_CTRL_ACK | DMA_PREP_INTERRUPT,
  );
  const what = `${chan.name} ${transfer.operation}, ${lengthBytes} bytes from ${srcOffsetBytes} to ${dstOffsetBytes}`;
  if (tx === null) {
    unmap.put();
    bench.problem(`${what}: prep returned null although nothing is in flight`);
    return;
  }
  tx.setUnmap(unmap);
  const status = await bench.settle(chan, tx.submit());
  unmap.put();
  if (status !== DmaStatus.COMPLETE) bench.problem(`${what}: ended with ${statusInWords(status)}`);
  const mismatches = [
    ...srcs.flatMap((src) => pattern.checkSource(src).map((mismatch) => ({ side: "srcbuf", ...mismatch }))),
    ...dsts.flatMap((dst) =>
      pattern.checkDestination(dst).map((mismatch) => ({ side: "dstbuf", ...mismatch })),
    ),
  ];
  const [first] = mismatches;
  if (first !== undefined) {
    bench.problem(
      `${what}: ${mismatches.length} bytes are wrong, first ${first.side}[${first.index}] ${first.kind}`,
    );
  }
}
