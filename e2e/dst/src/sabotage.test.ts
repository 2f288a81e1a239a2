import type { DmaDriver, DmaOperation } from "@dmaengine/core";
import type { ChannelHost, DmaTx, DriverChannelControl } from "@dmaengine/core/driver";
import { describe, expect, it } from "vitest";
import { type Sabotage, Schedule } from "./schedule.js";

/** Seeds within which every kind of sabotage has to be noticed at least once. */
const WITHIN_SEEDS = 150;

/** Does something with every transaction before the driver sees it. */
function tampering(driver: DmaDriver, tamper: (tx: DmaTx) => void): DmaDriver {
  return {
    ...driver,
    probe: async () =>
      (await driver.probe()).map((definition) => ({
        ...definition,
        channels: definition.channels.map(
          (create) => (host: ChannelHost) => tamperedWith(create(host), tamper),
        ),
      })),
  };
}

function tamperedWith(channel: DriverChannelControl, tamper: (tx: DmaTx) => void): DriverChannelControl {
  return new Proxy(channel, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      if (name !== "submit") return value.bind(target);
      return (tx: DmaTx) => {
        tamper(tx);
        target.submit(tx);
      };
    },
  });
}

function is<Op extends DmaOperation>(tx: DmaTx, operation: Op): tx is DmaTx<Op> {
  return tx.operation === operation;
}

const every = (drivers: readonly DmaDriver[], tamper: (tx: DmaTx) => void): DmaDriver[] =>
  drivers.map((driver) => tampering(driver, tamper));

const SABOTAGE: readonly (readonly [what: string, sabotage: () => Sabotage])[] = [
  ["a member that loses a write", () => ({ lie: "loses a write" })],
  ["a member that returns a wrong byte", () => ({ lie: "returns a wrong byte" })],
  [
    "an engine that leaves the end of a copy out",
    () => ({
      drivers: (drivers) =>
        every(drivers, (tx) => {
          if (is(tx, "memcpy") && tx.args.lengthBytes > 512) tx.args.lengthBytes -= 256;
        }),
    }),
  ],
  [
    "an engine that forgets a source of a sum",
    () => ({
      drivers: (drivers) =>
        every(drivers, (tx) => {
          if (is(tx, "xor") && tx.args.srcCnt > 2) tx.args.srcCnt -= 1;
        }),
    }),
  ],
  [
    "an engine that takes a wrong coefficient",
    () => ({
      drivers: (drivers) =>
        every(drivers, (tx) => {
          if (is(tx, "pq")) tx.args.coefs[0] = (tx.args.coefs[0] as number) ^ 2;
        }),
    }),
  ],
];

describe("what is not in the fault model", () => {
  it.each(SABOTAGE)(`%s is noticed within ${WITHIN_SEEDS} seeds`, async (_, sabotage) => {
    let noticed = 0;
    for (let seed = 1; seed <= WITHIN_SEEDS && noticed === 0; seed++) {
      const problems = await new Schedule(seed, null, sabotage()).run();
      if (problems.length > 0) noticed = seed;
    }
    expect(noticed).toBeGreaterThan(0);
  });
});
