import { DmaError } from "@dmaengine/core";
import { DirectDomain, type DmaDriver, type DRIVER_CONTRACT, defineDevice } from "@dmaengine/core/driver";
import { CpuChannel } from "./channel.js";
import { swarKernels } from "./kernels/swar.js";
import { MAX_SOURCES } from "./operands.js";

/** Options of the software engine. */
export interface CpuOptions {
  /** The device's name in messages and statistics, unique within its engine instance. Default "cpu". */
  readonly name?: string;
  /** Most transactions at a time, prepared ones included: 1 to 65536. Default 256. */
  readonly ringSize?: number;
}

/**
 * The software engine: one device with one channel that does every operation on the CPU.
 *
 * It works inline: `issuePending` executes everything that was submitted and completes it before it returns, so a poll never finds a
 * transaction in progress that was issued. Callbacks run afterwards, in a microtask.
 *
 * Any memory can be mapped, at no cost: nothing is copied, and a sync has nothing to do. A transaction with an address that is
 * not mapped fails with `READ_FAILED` or `WRITE_FAILED` and writes nothing; those behind it are executed.
 *
 * Throws `ERR_DMA_LIMIT` when `ringSize` is out of range.
 */
export function cpu(options: CpuOptions = {}): DmaDriver {
  const { name = "cpu", ringSize = 256 } = options;
  if (!Number.isInteger(ringSize) || ringSize < 1 || ringSize > 65536) {
    throw new DmaError("ERR_DMA_LIMIT", `cpu: expected a ringSize from 1 to 65536, got ${ringSize}`);
  }
  return {
    name: "@dmaengine/driver-cpu",
    // The number itself, not core's constant, which would always be that of the core at hand.
    contract: 1 satisfies typeof DRIVER_CONTRACT,
    probe() {
      const domain = new DirectDomain(name);
      return [
        defineDevice({
          name,
          capabilities: {
            memcpy: {},
            memset: {},
            xor: { maxSources: MAX_SOURCES },
            xorVal: { maxSources: MAX_SOURCES },
            pq: { maxSources: MAX_SOURCES, continuation: true },
            pqVal: { maxSources: MAX_SOURCES, continuation: true },
            interrupt: {},
          },
          domain,
          ringSize,
          channels: [(host) => new CpuChannel(host, domain.space, swarKernels)],
        }),
      ];
    },
  };
}
