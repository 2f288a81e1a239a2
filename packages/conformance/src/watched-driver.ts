import type { DmaDriver } from "@dmaengine/core";
import type { AnyDeviceDefinition, ChannelHost, DriverChannelControl } from "@dmaengine/core/driver";

/**
 * The same driver, with somebody between its channels and the framework who tells of every breach of the contract, where the framework's
 * own refusal might be lost in the driver's background work.
 *
 * @param onBreach - called with what happened; the driver does not hear of it.
 */
export function watched(driver: DmaDriver, onBreach: (what: unknown) => void): DmaDriver {
  return {
    name: driver.name,
    contract: driver.contract,
    ...(driver.operations === undefined ? {} : { operations: driver.operations }),
    async probe() {
      const definitions = await driver.probe();
      return definitions.map((definition) => watchedDevice(definition, onBreach));
    },
    remove: () => driver.remove?.(),
  };
}

function watchedDevice(
  definition: AnyDeviceDefinition,
  onBreach: (what: unknown) => void,
): AnyDeviceDefinition {
  return {
    ...definition,
    channels: definition.channels.map(
      (create) => (host: ChannelHost) => watchedChannel(create, host, onBreach),
    ),
  };
}

function watchedChannel(
  create: (host: ChannelHost) => DriverChannelControl,
  host: ChannelHost,
  onBreach: (what: unknown) => void,
): DriverChannelControl {
  /** The driver's call that is running, if it is one in which nothing may complete. */
  let within = "";
  const channel = create({
    name: host.name,
    ringSize: host.ringSize,
    complete(tx, result, residueBytes) {
      if (within !== "") {
        onBreach(
          `${host.name}: completed cookie ${tx.cookie} within ${within}(), where the client does not expect it yet`,
        );
      }
      try {
        host.complete(tx, result, residueBytes);
      } catch (error) {
        onBreach(error);
      }
    },
    periodElapsed(tx) {
      try {
        host.periodElapsed(tx);
      } catch (error) {
        onBreach(error);
      }
    },
    runCallbacks: () => host.runCallbacks(),
    interrupt: () => host.interrupt(),
  });
  return new Proxy(channel, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== "function") return value;
      if (typeof key !== "string" || !(key === "submit" || key.startsWith("prep"))) return value.bind(target);
      return (...args: readonly unknown[]): unknown => {
        within = key;
        try {
          return value.apply(target, args);
        } finally {
          within = "";
        }
      };
    },
  });
}
