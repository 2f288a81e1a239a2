import { type DmaAddr, DmaError } from "@dmaengine/core";
import {
  type ChannelHost,
  type DmaSlaveBuswidth,
  type DmaSlaveConfig,
  DmaTransferDirection,
  type DmaTx,
  type DriverChannel,
} from "@dmaengine/core/driver";
import type { Pl08xController } from "./controller.js";
import {
  CONFIG_DST_SEL_SHIFT,
  CONFIG_ERR_IRQ_MASK,
  CONFIG_FLOW_CONTROL_SHIFT,
  CONFIG_SRC_SEL_SHIFT,
  CONFIG_TC_IRQ_MASK,
  FLOW_MEM2PER,
  FLOW_MEM2PER_PER,
  FLOW_PER2MEM,
  FLOW_PER2MEM_PER,
} from "./datasheet.js";
import type { PlatformData } from "./platform-data.js";
import { addSegment, type TransferTemplate, transferTemplate } from "./transfer-template.js";
import type { Txd } from "./txd.js";
import { VirtualChannel } from "./virtual-channel.js";

/** Widths that a peripheral's register can be accessed with. */
export const SLAVE_WIDTHS: readonly DmaSlaveBuswidth[] = [1, 2, 4];
const HIGHEST_ADDR: DmaAddr = 0xffff_ffff;

/** How one direction is done: made by {@link SlaveChannel.config}. */
interface Route {
  readonly peripheral: DmaAddr;
  readonly template: TransferTemplate;
  /** The channel's CONFIG. */
  readonly config: number;
}

/** A channel between memory and one peripheral. */
export class SlaveChannel extends VirtualChannel implements DriverChannel<"slaveSg" | "cyclic"> {
  readonly #data: PlatformData["slaveChannels"][number];
  #toDevice: Route | null = null;
  #fromDevice: Route | null = null;

  constructor(host: ChannelHost, controller: Pl08xController, data: PlatformData["slaveChannels"][number]) {
    super(host, controller);
    this.#data = data;
  }

  /** Throws `ERR_DMA_LIMIT` for what the controller can't do (`pl08x_config`); widths were checked before. A direction without a width stays unconfigured. */
  config(config: DmaSlaveConfig): void {
    const { srcAddrWidth, dstAddrWidth, deviceFc = false } = config;
    if (deviceFc && !this.controller.variant.peripheralFlowControl) {
      throw this.#refusal("this part has no flow control by peripherals (deviceFc)");
    }
    const { signal } = this.#data;
    this.#toDevice = this.#route(
      config.dstAddr,
      dstAddrWidth,
      config.dstMaxburst,
      true,
      ((deviceFc ? FLOW_MEM2PER_PER : FLOW_MEM2PER) << CONFIG_FLOW_CONTROL_SHIFT) |
        (signal << CONFIG_DST_SEL_SHIFT),
    );
    this.#fromDevice = this.#route(
      config.srcAddr,
      srcAddrWidth,
      config.srcMaxburst,
      false,
      ((deviceFc ? FLOW_PER2MEM_PER : FLOW_PER2MEM) << CONFIG_FLOW_CONTROL_SHIFT) |
        (signal << CONFIG_SRC_SEL_SHIFT),
    );
  }

  prepSlaveSg(tx: DmaTx<"slaveSg">): boolean {
    const { addrs, lengthsBytes, count, direction } = tx.args;
    const route = this.#configured(direction);
    const txd = this.txd(tx);
    txd.begin(route.config);
    for (let i = 0; i < count; i++) {
      this.#add(txd, route, direction, addrs[i] as DmaAddr, lengthsBytes[i] as number);
    }
    txd.interrupt();
    txd.end();
    return true;
  }

  /** Each period interrupts once. The original has every item of a period interrupt, and calls back for each. */
  prepCyclic(tx: DmaTx<"cyclic">): boolean {
    const { addr, lengthBytes, periodBytes, direction } = tx.args;
    const route = this.#configured(direction);
    const txd = this.txd(tx);
    txd.begin(route.config);
    for (let at = 0; at < lengthBytes; at += periodBytes) {
      this.#add(txd, route, direction, addr + at, periodBytes);
      txd.interrupt();
    }
    txd.goRound();
    return true;
  }

  /** The template for one direction (`pl08x_get_cctl`): both sides as wide as the peripheral's register. */
  #route(
    peripheral: DmaAddr | undefined,
    widthBytes: number | undefined,
    maxBurst: number | undefined,
    toDevice: boolean,
    config: number,
  ): Route | null {
    if (peripheral === undefined || widthBytes === undefined) return null;
    if (!(peripheral >= 0 && peripheral <= HIGHEST_ADDR && peripheral % widthBytes === 0)) {
      throw this.#refusal(
        `expected a register address of 32 bits, aligned to ${widthBytes} bytes, got 0x${peripheral.toString(16)}`,
      );
    }
    const { single = false, periphBuses } = this.#data;
    const { memBuses } = this.controller.platformData;
    return {
      peripheral,
      config: config | CONFIG_ERR_IRQ_MASK | CONFIG_TC_IRQ_MASK,
      template: transferTemplate({
        widthBytes,
        maxBurst: single ? 1 : (maxBurst ?? 0),
        srcIncrements: toDevice,
        dstIncrements: !toDevice,
        srcBuses: toDevice ? memBuses : periphBuses,
        dstBuses: toDevice ? periphBuses : memBuses,
      }),
    };
  }

  #configured(direction: DmaTransferDirection): Route {
    const route = direction === DmaTransferDirection.MEM_TO_DEV ? this.#toDevice : this.#fromDevice;
    if (route !== null) return route;
    const fields =
      direction === DmaTransferDirection.MEM_TO_DEV ? "dstAddr and dstAddrWidth" : "srcAddr and srcAddrWidth";
    throw new DmaError("ERR_DMA_STATE", `pl08x, ${this.#data.name}: config() it with ${fields} first`);
  }

  /** The original would move what is left over of an access byte by byte, which a wider register does not take. */
  #add(txd: Txd, route: Route, direction: DmaTransferDirection, addr: DmaAddr, lengthBytes: number): void {
    const { peripheral, template } = route;
    if (lengthBytes % template.widthBytes !== 0) {
      throw this.#refusal(`expected lengths in steps of ${template.widthBytes} bytes, got ${lengthBytes}`);
    }
    const toDevice = direction === DmaTransferDirection.MEM_TO_DEV;
    const [src, dst] = toDevice ? [addr, peripheral] : [peripheral, addr];
    addSegment(txd, this.controller.variant, template, src, dst, lengthBytes);
  }

  #refusal(why: string): DmaError {
    return new DmaError("ERR_DMA_LIMIT", `pl08x, ${this.#data.name}: ${why}`);
  }
}
