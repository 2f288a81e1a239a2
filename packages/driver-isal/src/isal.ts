import { DmaError } from "@dmaengine/core";
import { type ChannelHost, type DmaDriver, type DRIVER_CONTRACT, defineDevice } from "@dmaengine/core/driver";
import { InlineChannel } from "./inline-channel.js";
import { loadLibrary } from "./library.js";
import { RealDomain } from "./real-domain.js";
import { MAX_SOURCES } from "./ring.js";
import { ThreadChannel } from "./thread-channel.js";

/** Options of the ISA-L engine. */
export interface IsalOptions {
  /** The device's name in messages and statistics, unique within its engine instance. Default "isal". */
  readonly name?: string;
  /** Most transactions of a channel at a time, prepared ones included: 1 to 65536. Default 256. */
  readonly ringSize?: number;
  /**
   * How many threads do the work, each behind a channel of its own, up to 64. Default 1. With 0 there is one channel, and whoever calls `issuePending` waits for
   * the library.
   */
  readonly threads?: number;
  /** The library: a file, or a name that the system's loader knows. Default "libisal.so.2" on Linux. */
  readonly library?: string;
}

/** The library takes lengths as a C `int`, and its fastest code works in steps of up to 128 bytes. */
const MAX_LENGTH_BYTES = 2 ** 31 - 128;

/**
 * Intel ISA-L as an engine: xor and RAID-6 P+Q, made and checked, on threads of their own, so that `issuePending` returns at once, or, without threads, within
 * `issuePending`, which costs least where there is no processor to spare.
 *
 * Memory of `device.alloc()`, and any other on a `SharedArrayBuffer`, is mapped as it is. Other memory could be moved to another thread or
 * be freed while the library works on it, so it is copied when it is mapped, and back when it is unmapped.
 *
 * Any length and alignment is taken. The library is fastest where operands are aligned to 32 bytes and the coefficients are
 * consecutive powers of 2, as they are for a whole md stripe.
 *
 * Throws `ERR_DMA_LIMIT` when a number is out of range. Registration fails with `ERR_DMA_PLUGIN` where there is no ISA-L.
 */
export function isal(options: IsalOptions = {}): DmaDriver {
  const { name = "isal", ringSize = 256, threads = 1, library: path } = options;
  checkCount("ringSize", ringSize, 1, 65536);
  checkCount("threads", threads, 0, 64);
  return {
    name: "@dmaengine/driver-isal",
    // The number itself, not core's constant, which would always be that of the core at hand.
    contract: 1 satisfies typeof DRIVER_CONTRACT,
    async probe() {
      const library = await loadLibrary(path);
      const domain = new RealDomain(name, library);
      const inline = (host: ChannelHost): InlineChannel => new InlineChannel(host, domain, library);
      const thread = (host: ChannelHost): ThreadChannel => new ThreadChannel(host, domain, library);
      const limits = { maxSources: MAX_SOURCES, maxLengthBytes: MAX_LENGTH_BYTES };
      return [
        defineDevice({
          name,
          capabilities: {
            xor: limits,
            xorVal: limits,
            pq: { ...limits, continuation: true },
            pqVal: { ...limits, continuation: true },
          },
          domain,
          ringSize,
          channels: threads === 0 ? [inline] : new Array<typeof thread>(threads).fill(thread),
        }),
      ];
    },
  };
}

function checkCount(option: string, count: number, min: number, max: number): void {
  if (Number.isInteger(count) && count >= min && count <= max) return;
  throw new DmaError("ERR_DMA_LIMIT", `isal: expected ${option} from ${min} to ${max}, got ${count}`);
}
