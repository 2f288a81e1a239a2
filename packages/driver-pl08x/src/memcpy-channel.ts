import type { ChannelHost, DmaTx, DriverChannel } from "@dmaengine/core/driver";
import type { Pl08xController } from "./controller.js";
import {
  CONFIG_ERR_IRQ_MASK,
  CONFIG_FLOW_CONTROL_SHIFT,
  CONFIG_TC_IRQ_MASK,
  FLOW_MEM2MEM,
} from "./datasheet.js";
import { addSegment, type TransferTemplate, transferTemplate } from "./transfer-template.js";
import { VirtualChannel } from "./virtual-channel.js";

/** A channel that copies memory. */
export class MemcpyChannel extends VirtualChannel implements DriverChannel<"memcpy"> {
  readonly #template: TransferTemplate;

  constructor(host: ChannelHost, controller: Pl08xController) {
    super(host, controller);
    const { memcpyWidthBytes, memcpyBurst, memBuses } = controller.platformData;
    this.#template = transferTemplate({
      widthBytes: memcpyWidthBytes,
      maxBurst: memcpyBurst,
      srcIncrements: true,
      dstIncrements: true,
      srcBuses: memBuses,
      dstBuses: memBuses,
    });
  }

  prepMemcpy(tx: DmaTx<"memcpy">): boolean {
    const { dst, src, lengthBytes } = tx.args;
    const txd = this.txd(tx);
    txd.begin(CONFIG_ERR_IRQ_MASK | CONFIG_TC_IRQ_MASK | (FLOW_MEM2MEM << CONFIG_FLOW_CONTROL_SHIFT));
    addSegment(txd, this.controller.variant, this.#template, src, dst, lengthBytes);
    // Whether the client wants one or not: the driver needs the interrupt to go on with the next transaction.
    txd.interrupt();
    txd.end();
    return true;
  }
}
