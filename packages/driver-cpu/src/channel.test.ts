import { DMA_CTRL_ACK } from "@dmaengine/core";
import { type ChannelHost, DirectDomain, DmaDirection, type DmaTx } from "@dmaengine/core/driver";
import { expect, it } from "vitest";
import { CpuChannel } from "./channel.js";
import type { Block } from "./kernels/kernels.js";
import { naiveKernels } from "./kernels/naive.js";

it("holds no buffer while it is idle", () => {
  const domain = new DirectDomain("test");
  const memory = new Uint8Array(10);
  const addr = domain.map(memory, 0, 10, DmaDirection.BIDIRECTIONAL);
  const used: Block[] = [];
  const completed: DmaTx[] = [];
  const channel = new CpuChannel(
    {
      name: "dma0chan0",
      ringSize: 4,
      complete: (tx: DmaTx) => completed.push(tx),
    } as Partial<ChannelHost> as ChannelHost,
    domain.space,
    {
      ...naiveKernels,
      copy(dst, src, lengthBytes) {
        naiveKernels.copy(dst, src, lengthBytes);
        used.push(dst, src);
      },
    },
  );
  const tx = {
    operation: "memcpy",
    flags: DMA_CTRL_ACK,
    args: { dst: addr, src: addr + 5, lengthBytes: 5 },
  } as DmaTx<"memcpy">;

  channel.submit(tx);
  channel.issuePending();

  expect(completed).toEqual([tx]);
  expect(used.map((block) => block.bytes.length)).toEqual([0, 0]);
});
