import { type PatternedOperation, type PatternedTransfer, patternedTransfer } from "@dmaengine/conformance";
import { type DmaChan, type DmaDevice, type DmaEngine, DmaError } from "@dmaengine/core";
import { DmatestError } from "./errors.js";
import type { Parameters } from "./parameters.js";

/** A channel that dmatest has taken for itself, and the threads that will use it. */
export interface TestChannel {
  readonly chan: DmaChan<PatternedOperation>;
  readonly threads: readonly TestThread[];
}

/** One thread: it does one operation on one channel, again and again. */
export interface TestThread {
  /** As the kernel calls it: `dma0chan0-copy0`. */
  readonly name: string;
  readonly chan: DmaChan<PatternedOperation>;
  readonly transfer: PatternedTransfer;
}

/** The operations that are looked for, one after the other, and what their threads are called. */
const OPERATIONS: readonly (readonly [operation: PatternedOperation, shortName: string])[] = [
  ["memcpy", "copy"],
  ["memset", "set"],
  ["xor", "xor"],
  ["pq", "pq"],
];

/**
 * Takes the channels that the parameters ask for, each exclusively, and makes threads for everything that they can do.
 *
 * @throws DmatestError `ERR_DMATEST_CHANNEL` when there is nothing to test, or not what was asked for.
 */
export function addChannels(engine: DmaEngine, parameters: Parameters): TestChannel[] {
  const { device: deviceName, channel: channelNames, max_channels } = parameters;
  const taken: DmaChan<PatternedOperation>[] = [];
  for (const [operation] of OPERATIONS) {
    for (const device of engine.devices) {
      const isWanted = device.has(operation) && (deviceName === "" || device.name === deviceName);
      if (isWanted) taken.push(...requestAll(engine, device));
    }
  }
  const wanted = taken.filter(({ name }) => channelNames.length === 0 || channelNames.includes(name));
  const used = max_channels === 0 ? wanted : wanted.slice(0, max_channels);
  for (const chan of taken) if (!used.includes(chan)) chan.release();

  const missing = channelNames.filter((name) => !wanted.some((chan) => chan.name === name));
  if (missing.length > 0 || used.length === 0) {
    for (const chan of used) chan.release();
    const there = taken.map(({ name, device }) => `${name} of ${device.name}`).join(", ") || "none";
    throw new DmatestError(
      "ERR_DMATEST_CHANNEL",
      missing.length > 0
        ? `there is no channel ${missing.join(", ")} that can do a copy, fill, xor or P+Q; there are ${there}`
        : `there is no channel to test: of ${engine.devices.map(({ name }) => name).join(", ") || "no device"} ` +
            "none that was asked for can do a copy, fill, xor or P+Q",
    );
  }
  return used.map((chan) => ({ chan, threads: threadsFor(chan, parameters) }));
}

/** All channels of a device that nobody has yet, each with all that dmatest can test of it. */
function requestAll(engine: DmaEngine, device: DmaDevice): DmaChan<PatternedOperation>[] {
  const operations = OPERATIONS.map(([operation]) => operation).filter((operation) => device.has(operation));
  const chans: DmaChan<PatternedOperation>[] = [];
  for (;;) {
    try {
      chans.push(
        engine.requestChannel(operations, { client: "dmatest", filter: (other) => other === device }),
      );
    } catch (error) {
      if (DmaError.isInstance(error) && error.code === "ERR_DMA_NO_CHANNEL") return chans;
      throw error;
    }
  }
}

function threadsFor(
  chan: DmaChan<PatternedOperation>,
  { dmatest, threads_per_chan, xor_sources, pq_sources }: Parameters,
): TestThread[] {
  const sources = { xor: xor_sources, pq: pq_sources };
  return OPERATIONS.flatMap(([operation, shortName]) => {
    const isWanted = operation !== (dmatest === 0 ? "memset" : "memcpy");
    if (!isWanted || !chan.device.has(operation)) return [];
    return Array.from({ length: threads_per_chan }, (_, i) => ({
      name: `${chan.name}-${shortName}${i}`,
      chan,
      transfer: patternedTransfer(chan, operation, sources),
    }));
  });
}
