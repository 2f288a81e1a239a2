import { type DmaChan, openChannel } from "./chan.js";
import type { Channel } from "./channel.js";
import { DmaDevice } from "./device.js";
import { type AnyDeviceDefinition, type DmaDriver, DRIVER_CONTRACT } from "./driver-contract.js";
import { DmaError } from "./errors.js";
import { DmaChecker } from "./mapping/checker.js";
import { UnmapPools } from "./mapping/unmap-data.js";
import { BUILT_IN_OPERATIONS } from "./operations/index.js";
import type { AnyOperationDefinition, DmaOperation } from "./operations/operation.js";
import type { EngineStats } from "./stats.js";

/** Options of an engine instance. */
export interface DmaEngineOptions {
  /**
   * Watches every use of the mapping API, as Linux's DMA API debugging does and beyond: a misuse is an error with the place of both sides.
   * Costs time and memory; off, it costs nothing. Default false.
   */
  readonly checker?: boolean;
}

/** Which channel a client wants. */
export interface ChannelQuery {
  /** Who asks, for error messages. Default "client". */
  readonly client?: string;
  /** Takes only channels of devices for which this is true. */
  readonly filter?: (device: DmaDevice) => boolean;
}

interface Registration {
  readonly driver: DmaDriver;
  readonly devices: readonly DmaDevice[];
}

/**
 * An engine instance: where drivers and clients meet. It has no global state; two instances in one process don't know of each other.
 */
export class DmaEngine {
  readonly #registrations = new Map<string, Registration>();
  readonly #checker: DmaChecker | null;
  readonly #pools: UnmapPools;
  #nextDeviceId = 0;

  constructor(options: DmaEngineOptions = {}) {
    this.#checker = options.checker === true ? new DmaChecker() : null;
    this.#pools = new UnmapPools(options.checker === true);
  }

  /** All registered devices, in the order of registration. */
  get devices(): readonly DmaDevice[] {
    return [...this.#registrations.values()].flatMap(({ devices }) => devices);
  }

  /**
   * Takes a driver in: probes it, checks what it claims and takes its channels into use (`dma_async_device_register`).
   *
   * Throws `ERR_DMA_CONTRACT` when it was built for another contract, `ERR_DMA_CAPABILITY` when it claims an operation that it does not
   * implement, `ERR_DMA_REGISTER` when its name is taken; nothing is registered then.
   */
  async register(driver: DmaDriver): Promise<readonly DmaDevice[]> {
    if (driver.contract !== DRIVER_CONTRACT) {
      throw new DmaError(
        "ERR_DMA_CONTRACT",
        `${driver.name} was built for version ${driver.contract} of the driver contract, this @dmaengine/core has version ${DRIVER_CONTRACT}: ` +
          "install versions of both packages that belong together",
      );
    }
    if (this.#registrations.has(driver.name)) {
      throw new DmaError("ERR_DMA_REGISTER", `${driver.name} is registered already; unregister it first`);
    }
    const operations = [...BUILT_IN_OPERATIONS, ...(driver.operations ?? [])];
    const definitions = await driver.probe();
    const devices: DmaDevice[] = [];
    try {
      for (const definition of definitions) {
        const id = this.#nextDeviceId++;
        const claimed = claimedOperations(driver, definition, operations);
        devices.push(new DmaDevice(id, definition, claimed, this.#pools, this.#checker));
      }
      for (const device of devices) {
        for (const channel of device.channels) await channel.driver.allocChanResources?.();
      }
    } catch (error) {
      await driver.remove?.();
      throw error;
    }
    this.#registrations.set(driver.name, { driver, devices });
    return devices;
  }

  /**
   * Lets a driver go (`dma_async_device_unregister`). Throws `ERR_DMA_BUSY`, naming who holds what, while a channel is held,
   * a transaction is in flight or an unmap record of its devices has references.
   */
  async unregister(driver: DmaDriver): Promise<void> {
    const registration = this.#registrations.get(driver.name);
    if (registration === undefined) {
      throw new DmaError("ERR_DMA_REGISTER", `${driver.name} is not registered`);
    }
    const held = registration.devices.flatMap((device) => this.#whatHolds(device));
    if (held.length > 0) {
      throw new DmaError("ERR_DMA_BUSY", `${driver.name} can't be unregistered: ${held.join("; ")}`);
    }
    for (const device of registration.devices) this.#checker?.unregister(device);
    this.#registrations.delete(driver.name);
    for (const device of registration.devices) {
      for (const channel of device.channels) await channel.driver.freeChanResources?.();
    }
    await driver.remove?.();
  }

  /**
   * Takes a channel for one client alone, until it releases it (`dma_request_channel`).
   * Throws `ERR_DMA_NO_CHANNEL`, saying why each channel was passed over, when there is none.
   */
  requestChannel<Op extends DmaOperation>(operations: readonly Op[], query: ChannelQuery = {}): DmaChan<Op> {
    const refusals: string[] = [];
    for (const channel of this.#candidates(operations, query, refusals)) {
      if (channel.holders.length > 0) {
        refusals.push(`${channel.name} is held by ${channel.holders.join(", ")}`);
        continue;
      }
      channel.exclusive = true;
      return openChannel(channel, operations, query.client ?? "client");
    }
    throw noChannel(operations, refusals);
  }

  /**
   * Shares a public channel (`dma_find_channel`): of those that can do all the operations, the one with the fewest holders.
   * Null when there is none. Unlike the original's per-CPU table, the channel is counted as held until it is released.
   */
  findChannel<Op extends DmaOperation>(
    operations: readonly Op[],
    query: ChannelQuery = {},
  ): DmaChan<Op> | null {
    let best: Channel | null = null;
    for (const channel of this.#candidates(operations, query, [])) {
      if (channel.device.private || channel.exclusive) continue;
      if (best === null || channel.holders.length < best.holders.length) best = channel;
    }
    return best === null ? null : openChannel(best, operations, query.client ?? "client");
  }

  /** All counters, as they are now. */
  stats(): EngineStats {
    return { devices: Object.fromEntries(this.devices.map((device) => [device.name, device.stats()])) };
  }

  *#candidates(
    operations: readonly DmaOperation[],
    query: ChannelQuery,
    refusals: string[],
  ): Generator<Channel> {
    for (const device of this.devices) {
      const lacking = operations.filter((operation) => !device.has(operation));
      if (lacking.length > 0) refusals.push(`${device.name} has no ${lacking.join(", ")}`);
      else if (query.filter?.(device) === false) refusals.push(`${device.name} was filtered out`);
      else yield* device.channels;
    }
  }

  #whatHolds(device: DmaDevice): string[] {
    const held: string[] = [];
    for (const channel of device.channels) {
      if (channel.holders.length > 0) held.push(`${channel.name} is held by ${channel.holders.join(", ")}`);
      if (channel.inFlight > 0) held.push(`${channel.name} has ${channel.inFlight} transactions in flight`);
    }
    const records = this.#pools.liveFor(device);
    if (records > 0) {
      held.push(
        [`${device.name} has ${records} unmap records with references`, ...this.#pools.origins()].join("\n"),
      );
    }
    return held;
  }
}

function claimedOperations(
  driver: DmaDriver,
  definition: AnyDeviceDefinition,
  known: readonly AnyOperationDefinition[],
): AnyOperationDefinition[] {
  return Object.keys(definition.capabilities).map((name) => {
    const operation = known.find((candidate) => candidate.name === name);
    if (operation === undefined) {
      throw new DmaError(
        "ERR_DMA_CAPABILITY",
        `${driver.name}: ${definition.name} claims the operation "${name}", which nobody has defined; ` +
          `known are ${known.map((candidate) => candidate.name).join(", ")}. A driver brings its own in "operations".`,
      );
    }
    return operation;
  });
}

function noChannel(operations: readonly string[], refusals: readonly string[]): DmaError {
  const why = refusals.length > 0 ? refusals.join("; ") : "no driver is registered";
  return new DmaError("ERR_DMA_NO_CHANNEL", `no channel for ${operations.join(", ")}: ${why}`);
}
