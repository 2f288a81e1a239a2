import {
  type BlockLimits,
  DMA_PREP_PQ_DISABLE_P,
  DMA_PREP_PQ_DISABLE_Q,
  type DmaAddr,
  type DmaChan,
  type DmaDevice,
  type DmaTxDescriptor,
} from "@dmaengine/core";
import type { Bench } from "./bench.js";

/** Queues a transaction that moves a block unchanged, whichever operation does it. */
type Move = (dst: DmaAddr, src: DmaAddr, lengthBytes: number, flags: number) => DmaTxDescriptor | null;

type MovingOperation = "memcpy" | "xor" | "pq";

/** A device's channel with every operation that can move a block. */
export interface Mover {
  readonly device: DmaDevice;
  readonly chan: DmaChan<MovingOperation>;
  /** Limits that suit all the moves. */
  readonly block: BlockLimits;
  readonly moves: readonly Move[];
}

const MOVES: { readonly [Op in MovingOperation]: (chan: DmaChan<Op>) => readonly Move[] } = {
  memcpy: (chan) => [chan.prepMemcpy],
  xor: (chan) => [(dst, src, lengthBytes, flags) => chan.prepXor(dst, [src], 1, lengthBytes, flags)],
  pq: (chan) => [
    (dst, src, lengthBytes, flags) =>
      chan.prepPq(dst, 0, [src], 1, [2], lengthBytes, flags | DMA_PREP_PQ_DISABLE_Q),
    (dst, src, lengthBytes, flags) =>
      chan.prepPq(0, dst, [src], 1, [1], lengthBytes, flags | DMA_PREP_PQ_DISABLE_P),
  ],
};

/** A mover for each device that has one; skips the case when none has. */
export function movers(bench: Bench): readonly Mover[] {
  const found = bench.devices.flatMap((device) => {
    const operations = (Object.keys(MOVES) as MovingOperation[]).filter((operation) => device.has(operation));
    if (operations.length === 0) return [];
    const chan = bench.request(device, ...operations);
    const limits = operations.map((operation) => device.capabilities[operation] as BlockLimits);
    return [
      { device, chan, block: strictest(limits), moves: operations.flatMap((name) => MOVES[name](chan)) },
    ];
  });
  if (found.length === 0) bench.skip("has no operation that moves a block unchanged");
  return found;
}

function strictest(limits: readonly BlockLimits[]): BlockLimits {
  return {
    alignBytes: Math.max(...limits.map(({ alignBytes = 1 }) => alignBytes)),
    minLengthBytes: Math.max(...limits.map(({ minLengthBytes = 1 }) => minLengthBytes)),
    maxLengthBytes: Math.min(...limits.map(({ maxLengthBytes = Number.MAX_SAFE_INTEGER }) => maxLengthBytes)),
  };
}
