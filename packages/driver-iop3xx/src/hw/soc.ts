import type { Platform } from "@dmaengine/sim";
import type { PlatformDevice } from "../platform-device.js";
import type { UnitVariant } from "../variant.js";
import { AauUnit } from "./aau-unit.js";
import { AdmaUnit } from "./adma-unit.js";
import { HwChannel } from "./channel.js";
import { DmaUnit } from "./dma-unit.js";
import type { Unit } from "./unit.js";

/** How much of the processor's peripheral window has registers of these units. */
const WINDOW_BYTES = 0x1000;

/** The units in their place. */
interface Plugged {
  /** One for each unit, in order. */
  readonly devices: readonly PlatformDevice[];
  /** Takes them off the platform. */
  unplug(): void;
}

/** Puts a processor's units on a platform. From here on they are reached by bus, memory and interrupt lines alone. */
export function plugIop(platform: Platform, name: string, units: readonly UnitVariant[]): Plugged {
  const channels = units.map(
    (unit) => new HwChannel(`${name}.${unit.name}`, platform, unit.base, model(unit, platform)),
  );
  const window = platform.bus.attach(
    name,
    WINDOW_BYTES,
    channels.flatMap(({ registers }) => registers),
  );
  return {
    devices: channels.map(({ interrupts }, n) => ({
      ...interrupts,
      base: window + (units[n] as UnitVariant).base,
    })),
    unplug: () => {
      platform.bus.detach(window);
      for (const channel of channels) channel.reset();
    },
  };
}

function model({ kind, operations }: UnitVariant, { memory }: Platform): Unit {
  switch (kind) {
    case "dma":
      return new DmaUnit(memory);
    case "aau":
      return new AauUnit(memory, operations.includes("xorVal"));
    case "adma":
      return new AdmaUnit(memory, operations.includes("pq"));
  }
}
