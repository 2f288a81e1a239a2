import { DMA_CTRL_REUSE, type DmaDevice, DmaDirection, DmaStatus } from "@dmaengine/core";
import { type Bench, statusInWords } from "../bench.js";
import { nearestLength } from "../layout.js";
import { type Mover, movers } from "../moves.js";
import type { Section } from "./section.js";

export const reuse: Section = {
  title: "descriptors for reuse",
  cases: [
    {
      title: "can be submitted again and again",
      needs: "descriptorReuse",
      async run(bench) {
        for (const mover of reusableMovers(bench)) await moveRepeatedly(bench, mover, 3);
      },
    },
    {
      title: "give their room back when they are freed",
      needs: "descriptorReuse",
      async run(bench) {
        for (const mover of reusableMovers(bench)) {
          for (let i = 0; i < mover.device.ringSize * 2; i++) await moveRepeatedly(bench, mover, 1);
        }
      },
    },
  ],
};

function reusableMovers(bench: Bench): readonly Mover[] {
  const isReusing = (device: DmaDevice): boolean => device.descriptorReuse;
  if (!bench.devices.some(isReusing)) bench.skip("does not claim descriptorReuse");
  return movers(bench).filter(({ device }) => isReusing(device));
}

/** Moves new data with one and the same descriptor. */
async function moveRepeatedly(
  bench: Bench,
  { device, chan, block, moves }: Mover,
  times: number,
): Promise<void> {
  const lengthBytes = nearestLength(block, 64);
  const [src, dst] = [new Uint8Array(lengthBytes), new Uint8Array(lengthBytes)];
  const srcAddr = device.mapSingle(src, DmaDirection.BIDIRECTIONAL);
  const dstAddr = device.mapSingle(dst, DmaDirection.BIDIRECTIONAL);
  const addrs = [srcAddr, dstAddr];
  const tx = moves[0]!(dstAddr, srcAddr, lengthBytes, DMA_CTRL_REUSE);
  if (tx === null) throw new Error(`${chan.name}: prep returned null although nothing is in flight`);
  for (let i = 0; i < times; i++) {
    for (const addr of addrs) device.syncSingleForCpu(addr, lengthBytes, DmaDirection.BIDIRECTIONAL);
    bench.random.fill(src);
    for (const addr of addrs) device.syncSingleForDevice(addr, lengthBytes, DmaDirection.BIDIRECTIONAL);
    const status = await bench.settle(chan, tx.submit());
    if (status !== DmaStatus.COMPLETE) {
      bench.problem(`${chan.name}: submission ${i + 1} of a descriptor ended with ${statusInWords(status)}`);
    }
    device.syncSingleForCpu(dstAddr, lengthBytes, DmaDirection.BIDIRECTIONAL);
    if (!dst.every((byte, at) => byte === src[at])) {
      bench.problem(`${chan.name}: submission ${i + 1} of a descriptor did not move the data`);
    }
    device.syncSingleForDevice(dstAddr, lengthBytes, DmaDirection.BIDIRECTIONAL);
  }
  tx.free();
  for (const addr of addrs) device.unmapSingle(addr, lengthBytes, DmaDirection.BIDIRECTIONAL);
}
