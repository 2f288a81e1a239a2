import { type DmaChan, openChannel } from "./chan.js";
import type { Channel } from "./channel.js";
import type { EngineContext } from "./context.js";
import { DmaDevice } from "./device.js";
import { type AnyDeviceDefinition, type DmaDriver, DRIVER_CONTRACT } from "./driver-contract.js";
import { DmaError } from "./errors.js";
import { DmaChecker, type DmaCheckerOptions } from "./mapping/checker/checker.js";
import { UnmapPools } from "./mapping/unmap-data.js";
import { BUILT_IN_OPERATIONS } from "./operations/index.js";
import type { DmaOperation } from "./operations/operation.js";
import { checkDefinition } from "./registration.js";
import type { EngineStats } from "./stats.js";
import type { DmaTraceEvent } from "./trace.js";

/** Options of an engine instance. */
export interface DmaEngineOptions {
  /**
   * Watches every use of the mapping API, as Linux's DMA API debugging does and beyond: a misuse is a `DmaCheckError` with the place of both
   * sides. Costs time and memory; off, it costs nothing. Default false.
   */
  readonly checker?: boolean | DmaCheckerOptions;
  /** Gets every step of this instance, synchronously, as it happens. It must not call back into the instance. Default: none. */
  readonly trace?: (event: DmaTraceEvent) => void;
  /**
   * How long `syncWait` goes on before the transaction counts as hung, in milliseconds of real time. Default 5000 (`dma_sync_wait`). `Infinity`
   * where engines are simulated and a result must not depend on how fast, or whether, the computer runs meanwhile.
   */
  readonly syncWaitMillis?: number;
  /**
   * Gets errors for which no caller is on the stack: what a callback threw, what the checker found when a transaction ended.
   * Default: they are thrown as uncaught exceptions, from a microtask.
   */
  readonly onUncaught?: (error: unknown) => void;
}

/** Which channel a client wants. */
export interface ChannelQuery {
  /** Who asks, for error messages. Default "client". */
  readonly client?: string;
  /** Takes only channels of devices for which this is true. */
  readonly filter?: (device: DmaDevice) => boolean;
}

/** How long a driver's departure may take. */
export interface DepartureOptions {
  /** When it aborts, waiting ends with `ERR_DMA_BUSY`. An aborted signal asks for an answer at once. Default: waits as long as it takes. */
  readonly signal?: AbortSignal;
}

/** What happens to a device, for clients that plan with what there is. */
export interface DeviceEvent {
  /**
   * - `available`: it can be found from now on.
   * - `leaving`: its driver is being unregistered, nobody finds it any more; whoever holds a channel is asked to release it.
   * - `removed`: it was taken away; everything in flight is aborted.
   */
  readonly type: "available" | "leaving" | "removed";
  readonly device: DmaDevice;
}

interface Registration {
  readonly driver: DmaDriver;
  readonly devices: readonly DmaDevice[];
  /** Whether new clients find its devices. */
  available: boolean;
  /** What to call when something that kept its devices busy may be gone, for each call that waits for that. */
  readonly waiting: Set<() => void>;
  /** Set once nothing holds it any more. */
  gone: Promise<void> | null;
}

/**
 * An engine instance: where drivers and clients meet. It has no global state; two instances in one process don't know of each other.
 */
export class DmaEngine {
  readonly #registrations = new Map<DmaDriver, Registration>();
  readonly #listeners = new Set<(event: DeviceEvent) => void>();
  readonly #context: EngineContext;
  #nextDeviceId = 0;

  constructor(options: DmaEngineOptions = {}) {
    const { checker = false, trace = null, syncWaitMillis = 5000, onUncaught = throwUncaught } = options;
    this.#context = {
      pools: new UnmapPools(checker !== false),
      checker: checker === false ? null : new DmaChecker(checker === true ? {} : checker),
      trace,
      syncWaitMillis,
      uncaught: onUncaught,
    };
  }

  /** The devices that can be found, in the order of registration. */
  get devices(): readonly DmaDevice[] {
    return [...this.#registrations.values()].flatMap(({ available, devices }) => (available ? devices : []));
  }

  /**
   * Takes a driver in: probes it, checks what it claims and takes its channels into use (`dma_async_device_register`). Unlike the
   * original, which does so for the first client, all channels get their resources now.
   *
   * Throws `ERR_DMA_CONTRACT` when it was built for another contract, `ERR_DMA_CAPABILITY` when it claims what it does not implement,
   * `ERR_DMA_REGISTER` when it, or a device of the same name, is registered; nothing is registered then.
   */
  async register(driver: DmaDriver): Promise<readonly DmaDevice[]> {
    if (driver.contract !== DRIVER_CONTRACT) {
      throw new DmaError(
        "ERR_DMA_CONTRACT",
        `${driver.name} was built for version ${driver.contract} of the driver contract, this @dmaengine/core has version ${DRIVER_CONTRACT}: ` +
          "install versions of both packages that belong together",
      );
    }
    if (this.#registrations.has(driver)) {
      throw new DmaError("ERR_DMA_REGISTER", `${driver.name} is registered already; unregister it first`);
    }
    const devices: DmaDevice[] = [];
    const registration: Registration = { driver, devices, available: false, waiting: new Set(), gone: null };
    this.#registrations.set(driver, registration);
    const ready: Channel[] = [];
    try {
      for (const definition of await driver.probe()) {
        devices.push(this.#newDevice(driver, definition));
      }
      for (const channel of devices.flatMap((device) => device.channels)) {
        await channel.driver.allocChanResources?.();
        ready.push(channel);
      }
    } catch (error) {
      this.#registrations.delete(driver);
      for (const channel of ready) await channel.driver.freeChanResources?.();
      await driver.remove?.();
      throw error;
    }
    registration.available = true;
    for (const device of devices) {
      this.#context.trace?.({ type: "register", device: device.name });
      this.#tell("available", device);
    }
    return devices;
  }

  /**
   * Lets a driver go (`dma_async_device_unregister`): nobody finds its devices any more, and when the last channel is released, the last
   * transaction has ended and the last unmap record was put, its resources are freed and the promise resolves. The original does not
   * wait; it warns.
   *
   * Rejects with `ERR_DMA_BUSY`, naming who holds what, when `signal` aborts first; the driver stays registered then. Rejects with the
   * checker's `leak` when its clients are gone but left mappings behind.
   */
  unregister(driver: DmaDriver, options: DepartureOptions = {}): Promise<void> {
    return this.#depart(this.#registered(driver), "leaving", options);
  }

  /**
   * Takes a driver away that clients still use (hot removal). At once, every transaction in flight ends as aborted, with its callback;
   * prep calls throw `ERR_DMA_REMOVED`, and what is submitted yet ends as aborted. Then waits as {@link unregister} does for clients to
   * release what they hold; memory can be unmapped until then.
   */
  remove(driver: DmaDriver, options: DepartureOptions = {}): Promise<void> {
    const registration = this.#registered(driver);
    for (const device of registration.devices) {
      this.#context.trace?.({ type: "remove", device: device.name });
      for (const channel of device.channels) channel.remove();
    }
    return this.#depart(registration, "removed", options);
  }

  /** Tells when devices come and go. Returns the call that ends it. */
  onDeviceChange(listener: (event: DeviceEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Takes a channel for one client alone, until it releases it (`dma_request_channel`). Unlike in the original, a shared channel does not
   * bar its siblings: each channel is exclusive or shared by itself.
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
   * Shares a public channel (`dma_find_channel`): of those that can do all the operations the one with the fewest holders, as the original's
   * `min_chan` chooses; among equals the one with the least in flight. Null when there is none. Unlike the original's per-CPU table, the
   * choice is made for each call, and the channel is held until it is released.
   */
  findChannel<Op extends DmaOperation>(
    operations: readonly Op[],
    query: ChannelQuery = {},
  ): DmaChan<Op> | null {
    let best: Channel | null = null;
    for (const channel of this.#shareable(operations, query)) {
      if (best === null || isLessBusy(channel, best)) best = channel;
    }
    return best === null ? null : openChannel(best, operations, query.client ?? "client");
  }

  /** Shares every public channel that can do all the operations, in the order of registration. */
  findChannels<Op extends DmaOperation>(operations: readonly Op[], query: ChannelQuery = {}): DmaChan<Op>[] {
    return this.#shareable(operations, query).map((channel) =>
      openChannel(channel, operations, query.client ?? "client"),
    );
  }

  /** Starts everything that was submitted on public channels that somebody holds (`dma_issue_pending_all`). */
  issuePendingAll(): void {
    for (const device of this.devices) {
      if (device.private) continue;
      for (const channel of device.channels) if (channel.holders.length > 0) channel.issuePending();
    }
  }

  /** All counters, as they are now. */
  stats(): EngineStats {
    const devices = [...this.#registrations.values()].flatMap((registration) => registration.devices);
    return {
      devices: Object.fromEntries(devices.map((device) => [device.name, device.stats()])),
      unmapPools: this.#context.pools.stats(),
    };
  }

  #newDevice(driver: DmaDriver, definition: AnyDeviceDefinition): DmaDevice {
    const operations = checkDefinition(driver, definition, BUILT_IN_OPERATIONS);
    for (const { driver: other, devices } of this.#registrations.values()) {
      if (!devices.some((device) => device.name === definition.name)) continue;
      throw new DmaError(
        "ERR_DMA_REGISTER",
        `${driver.name}: a device called "${definition.name}" is registered already, by ${other.name}; give this one another name`,
      );
    }
    return new DmaDevice(this.#nextDeviceId++, definition, operations, this.#context);
  }

  #registered(driver: DmaDriver): Registration {
    const registration = this.#registrations.get(driver);
    if (registration !== undefined) return registration;
    throw new DmaError("ERR_DMA_REGISTER", `${driver.name} is not registered`);
  }

  async #depart(
    registration: Registration,
    how: "leaving" | "removed",
    { signal }: DepartureOptions,
  ): Promise<void> {
    const { driver, devices, waiting } = registration;
    registration.available = false;
    for (const device of devices) this.#tell(how, device);
    try {
      await this.#idle(registration, signal);
      registration.gone ??= this.#tearDown(registration);
      await registration.gone;
    } catch (error) {
      registration.gone = null;
      const removed = devices.some(({ channels }) => channels.some((channel) => channel.removed));
      if (waiting.size === 0 && !removed && this.#registrations.has(driver)) {
        registration.available = true;
        for (const device of devices) this.#tell("available", device);
      }
      throw error;
    }
  }

  /** Resolves when nothing keeps the devices busy. */
  async #idle({ driver, devices, waiting }: Registration, signal: AbortSignal | undefined): Promise<void> {
    const channels = devices.flatMap((device) => device.channels);
    let wake = (): void => {};
    const changed = (): void => wake();
    waiting.add(changed);
    signal?.addEventListener("abort", changed);
    const tellAll = (): void => {
      for (const call of waiting) call();
    };
    for (const device of devices) device.onRelease = tellAll;
    for (const channel of channels) channel.drain(true);
    try {
      for (;;) {
        const change = new Promise<void>((resolve) => {
          wake = resolve;
        });
        // Whoever releases a channel may unmap right behind it.
        await null;
        const held = devices.flatMap((device) => this.#whatHolds(device));
        if (held.length === 0) return;
        if (signal?.aborted === true) {
          throw new DmaError("ERR_DMA_BUSY", `${driver.name} can't go: ${held.join("; ")}`, {
            cause: signal.reason,
          });
        }
        await change;
      }
    } finally {
      waiting.delete(changed);
      signal?.removeEventListener("abort", changed);
      for (const channel of channels) channel.drain(false);
      if (waiting.size === 0) for (const device of devices) device.onRelease = null;
    }
  }

  async #tearDown({ driver, devices }: Registration): Promise<void> {
    for (const device of devices) this.#context.checker?.unregister(device);
    this.#registrations.delete(driver);
    for (const device of devices) {
      this.#context.trace?.({ type: "unregister", device: device.name });
      for (const channel of device.channels) await channel.driver.freeChanResources?.();
    }
    await driver.remove?.();
  }

  #tell(type: DeviceEvent["type"], device: DmaDevice): void {
    for (const listener of this.#listeners) {
      try {
        listener({ type, device });
      } catch (error) {
        this.#context.uncaught(error);
      }
    }
  }

  #shareable(operations: readonly DmaOperation[], query: ChannelQuery): Channel[] {
    return [...this.#candidates(operations, query, [])].filter(
      (channel) => !channel.device.private && !channel.exclusive,
    );
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
      if (channel.stopping) held.push(`${channel.name} is coming to rest`);
    }
    if (device.unmapRecords > 0) {
      const places = this.#context.pools.origins(device);
      held.push(
        [`${device.name} has ${device.unmapRecords} unmap records with references`, ...places].join("\n"),
      );
    }
    return held;
  }
}

function isLessBusy(one: Channel, other: Channel): boolean {
  if (one.holders.length !== other.holders.length) return one.holders.length < other.holders.length;
  return one.inFlight < other.inFlight;
}

function noChannel(operations: readonly string[], refusals: readonly string[]): DmaError {
  const why = refusals.length > 0 ? refusals.join("; ") : "no driver is registered";
  return new DmaError("ERR_DMA_NO_CHANNEL", `no channel for ${operations.join(", ")}: ${why}`);
}

function throwUncaught(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
