import type { DmaDriver } from "@dmaengine/core";
import type { ChannelHost, DmaTx, DriverChannelControl } from "@dmaengine/core/driver";

/** When a channel hangs: how many transactions it takes before it stops, without a word. */
export type HangsAfter = (channel: string) => number;

/** A driver like another one, except that its channels hang until they are terminated. */
export function hanging(driver: DmaDriver, hangsAfter: HangsAfter): DmaDriver {
  return {
    ...driver,
    async probe() {
      const definitions = await driver.probe();
      return definitions.map((definition) => ({
        ...definition,
        channels: definition.channels.map(
          (create) => (host: ChannelHost) => hangingChannel(create(host), hangsAfter(host.name)),
        ),
      }));
    },
  };
}

function hangingChannel(channel: DriverChannelControl, takes: number): DriverChannelControl {
  let left = takes;
  const stuck: Partial<DriverChannelControl> = {
    submit(tx: DmaTx) {
      left -= 1;
      if (left >= 0) channel.submit(tx);
    },
    relax(cookie) {
      const alive = channel.relax?.(cookie) ?? true;
      return left >= 0 ? alive : false;
    },
    terminateAll() {
      left = Number.POSITIVE_INFINITY;
      channel.terminateAll();
    },
  };
  return new Proxy(channel, {
    get(target, name) {
      const own: unknown = Reflect.get(stuck, name);
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
