import { DMA_PREP_INTERRUPT, DmaTransResult } from "@dmaengine/core";
import {
  type AddressSpace,
  type AddressWindow,
  type ChannelHost,
  DirectDomain,
  type DmaAddr,
  type DmaDriver,
  type DmaTx,
  type DRIVER_CONTRACT,
  type DriverChannel,
  defineDevice,
} from "@dmaengine/core/driver";
import { checksum } from "./checksum.js";
import { crc32c } from "./crc32c.js";

/** Most transactions of a channel at a time. */
const RING_SIZE = 64;

/** A driver for one checksum engine, in software, with one channel that copies and computes CRC-32C. */
export function sample(): DmaDriver {
  return {
    name: "@dmaengine/sample-driver",
    contract: 1 satisfies typeof DRIVER_CONTRACT,
    operations: [crc32c],
    probe() {
      const domain = new DirectDomain("sample");
      return [
        defineDevice({
          name: "sample0",
          capabilities: { memcpy: {}, crc32c: { copy: true, maxLengthBytes: 1 << 20 } },
          domain,
          ringSize: RING_SIZE,
          channels: [(host) => new SampleChannel(host, domain.space)],
        }),
      ];
    },
  };
}

/** The driver's half of the channel. It works a turn of the event loop after it was asked to. */
class SampleChannel implements DriverChannel<"memcpy" | "crc32c"> {
  readonly #host: ChannelHost;
  readonly #space: AddressSpace;
  /** Submitted; the first `#issued` of them have been issued. */
  readonly #queue: DmaTx[] = [];
  #issued = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(host: ChannelHost, space: AddressSpace) {
    this.#host = host;
    this.#space = space;
  }

  // The framework has `RING_SIZE` descriptors, and the queue is as long as that: there is room for each.
  prepMemcpy(): boolean {
    return true;
  }

  prepCrc32c(): boolean {
    return true;
  }

  submit(tx: DmaTx): void {
    this.#queue.push(tx);
  }

  issuePending(): void {
    this.#issued = this.#queue.length;
    this.#timer ??= setTimeout(() => this.#work(), 0);
  }

  /** Nothing to do: what has ended was completed at once. */
  poll(): void {}

  terminateAll(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#queue.length = 0;
    this.#issued = 0;
  }

  #work(): void {
    this.#timer = undefined;
    while (this.#issued > 0) {
      const tx = this.#queue.shift() as DmaTx;
      this.#issued -= 1;
      const result = this.#execute(tx);
      if ((tx.flags & DMA_PREP_INTERRUPT) !== 0) this.#host.interrupt();
      this.#host.complete(tx, result);
    }
    this.#host.runCallbacks();
  }

  /** A transfer that can't be done is a result, never an exception. */
  #execute(tx: DmaTx): DmaTransResult {
    const { src, dst, lengthBytes } = (tx as DmaTx<"memcpy" | "crc32c">).args;
    const from = this.#space.find(src, lengthBytes);
    if (from === null) return DmaTransResult.READ_FAILED;
    const start = src - from.base;
    if (dst !== null && !this.#copy(from, start, dst, lengthBytes)) return DmaTransResult.WRITE_FAILED;
    if (tx.operation === "crc32c") {
      const { seed, result } = (tx as DmaTx<"crc32c">).args;
      result.value = checksum(from.bytes, start, start + lengthBytes, seed);
    }
    return DmaTransResult.NOERROR;
  }

  #copy(from: AddressWindow, start: number, dst: DmaAddr, lengthBytes: number): boolean {
    const to = this.#space.find(dst, lengthBytes);
    if (to === null) return false;
    to.bytes.set(from.bytes.subarray(start, start + lengthBytes), dst - to.base);
    return true;
  }
}
