import type { PhysicalMemory, Platform } from "@dmaengine/sim";
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

/**
 * Puts a processor's units on a platform: number n is called `<name>.<n>` there. From here on they are reached by bus, memory and interrupt
 * lines alone.
 */
export function plugIop(platform: Platform, name: string, units: readonly UnitVariant[]): Plugged {
  const pullOut = (): void => {
    for (const channel of channels) channel.reset();
    platform.bus.surpriseRemove(window);
  };
  const channels = units.map((unit, n) => {
    const unitName = `${name}.${n}`;
    const model = modelOf(unit, platform.memoryOf(unitName));
    return new HwChannel(unitName, platform, unit.base, model, pullOut);
  });
  const window = platform.bus.attach(
    name,
    WINDOW_BYTES,
    channels.flatMap(({ registers }) => registers),
  );
  const forget = channels.map((channel) => platform.addState(() => channel.capture()));
  return {
    devices: channels.map(({ interrupts }, n) => ({
      ...interrupts,
      base: window + (units[n] as UnitVariant).base,
    })),
    unplug: () => {
      for (const forgetChannel of forget) forgetChannel();
      platform.bus.detach(window);
      for (const channel of channels) channel.reset();
    },
  };
}

function modelOf({ kind, operations }: UnitVariant, memory: PhysicalMemory): Unit {
  switch (kind) {
    case "dma":
      return new DmaUnit(memory);
    case "aau":
      return new AauUnit(memory, operations.includes("xorVal"));
    case "adma":
      return new AdmaUnit(memory, operations.includes("pq"));
  }
}
