import { type DmaCookie, DmaError, DmaTransResult } from "@dmaengine/core";
import type { ChannelHost, DmaTx, DriverChannel } from "@dmaengine/core/driver";
import type { Platform, Tasklet } from "@dmaengine/sim";
import { Chain } from "./chain.js";
import { ChannelRegisters } from "./channel-registers.js";
import { SLOT_WORDS } from "./datasheet/unit.js";
import type { DescriptorFormat, IopTx } from "./formats/format.js";
import type { PlatformDevice } from "./platform-device.js";
import { type SlotPool, slotCount } from "./slot-pool.js";
import type { IopOperation } from "./variant.js";

/** With so many submitted slots, the unit is told without waiting for the client (`IOP_ADMA_THRESHOLD`). */
const THRESHOLD = 4;

/**
 * The driver's half of a unit, after drivers/dma/iop-adma.c.
 *
 * The chain is never empty: the descriptor that the unit did last stays, so that there is something to append to. The first is one that
 * does nothing.
 */
export class IopChannel implements DriverChannel<IopOperation> {
  readonly #host: ChannelHost;
  readonly #platform: Platform;
  readonly #device: PlatformDevice;
  readonly #format: DescriptorFormat;
  readonly #registers: ChannelRegisters;
  readonly #tasklet: Tasklet;
  readonly #pool: SlotPool;
  readonly #chain: Chain;
  /** By transaction: its first descriptor. */
  readonly #first: Int16Array;
  /** Submitted slots that the unit was not told of. */
  #pending = 0;
  /** Whether the oldest descriptor of the chain is done, and stays as the place to append to. */
  #headDone = false;
  /** The cookie that somebody waits for; 0 when it has ended. */
  #awaited: DmaCookie = 0;
  readonly #hasEnded = (): boolean => {
    this.poll();
    return this.#awaited === 0;
  };

  constructor(
    host: ChannelHost,
    platform: Platform,
    device: PlatformDevice,
    format: DescriptorFormat,
    pool: SlotPool,
  ) {
    this.#host = host;
    this.#platform = platform;
    this.#device = device;
    this.#format = format;
    this.#registers = new ChannelRegisters(platform.bus, device.base, format.registers);
    this.#tasklet = platform.irqs.tasklet(() => this.#serviceInterrupt());
    this.#pool = pool;
    const slots = pool.words.length / SLOT_WORDS;
    this.#chain = new Chain(pool, slots);
    this.#first = new Int16Array(host.ringSize);
  }
}
