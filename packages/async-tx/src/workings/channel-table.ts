import type { DeviceEvent, DmaDevice, DmaEngine } from "@dmaengine/core";
import type { AsyncTxDescriptor } from "../descriptor.js";
import { AsyncTxError } from "../errors.js";
import { ASYNC_TX_OPERATIONS, AsyncTxChannel, type AsyncTxOperation } from "./channel.js";

/**
 * The channels that async_tx holds: every public one, as long as it is there (`dmaengine_get`), with one of them chosen for each operation
 * (`dma_channel_rebalance`, for the one CPU that a JavaScript program has).
 */
export class ChannelTable {
  readonly #engine: DmaEngine;
  readonly #allowBroken: boolean;
  readonly #retire: (channel: AsyncTxChannel) => void;
  readonly #stopListening: () => void;
  #channels: AsyncTxChannel[] = [];
  readonly #chosen = new Map<AsyncTxOperation, AsyncTxChannel>();
  /** Set while a device is there with which async_tx corrupts data. */
  #refusal: AsyncTxError | null = null;

  /** @param retire - waits until nothing is in flight on a channel, and gives it up. */
  constructor(engine: DmaEngine, allowBroken: boolean, retire: (channel: AsyncTxChannel) => void) {
    this.#engine = engine;
    this.#allowBroken = allowBroken;
    this.#retire = retire;
    this.#checkCoherence();
    this.check();
    for (const device of engine.devices) this.#open(device);
    this.#rebalance();
    this.#stopListening = engine.onDeviceChange((event) => this.#deviceChanged(event));
  }

  /** Throws if there is a device that async_tx must not be used with. */
  check(): void {
    if (this.#refusal !== null) throw this.#refusal;
  }

  /** The channel for an operation: that of the dependency if its device can do it, else the chosen one (`async_tx_find_channel`). */
  find(operation: AsyncTxOperation, dependTx: AsyncTxDescriptor | null): AsyncTxChannel | null {
    if (dependTx?.channel.has(operation) === true) return dependTx.channel;
    const channel = this.#chosen.get(operation);
    return channel?.has(operation) === true ? channel : null;
  }

  /** Holds no channel any more. Returns those that it held. */
  close(): readonly AsyncTxChannel[] {
    this.#stopListening();
    this.#chosen.clear();
    return this.#channels.splice(0);
  }

  #deviceChanged({ type, device }: DeviceEvent): void {
    if (type === "available") this.#open(device);
    else {
      const leaving = this.#channels.filter((channel) => channel.device === device);
      this.#channels = this.#channels.filter((channel) => channel.device !== device);
      for (const channel of leaving) this.#retire(channel);
    }
    this.#checkCoherence();
    this.#rebalance();
  }

  #open(device: DmaDevice): void {
    const operations = ASYNC_TX_OPERATIONS.filter((operation) => device.has(operation));
    if (operations.length === 0 || this.#breaks(device)) return;
    const filter = (candidate: DmaDevice): boolean => candidate === device;
    for (const chan of this.#engine.findChannels(operations, { client: "async_tx", filter })) {
      this.#channels.push(new AsyncTxChannel(chan));
    }
  }

  /** Gives each operation the channel that has been given to the fewest (`min_chan`). Interrupts have none of their own. */
  #rebalance(): void {
    this.#chosen.clear();
    const uses = new Map<AsyncTxChannel, number>();
    const usesOf = (channel: AsyncTxChannel): number => uses.get(channel) ?? 0;
    for (const operation of ASYNC_TX_OPERATIONS) {
      if (operation === "interrupt") continue;
      let least: AsyncTxChannel | null = null;
      for (const channel of this.#channels) {
        if (!channel.has(operation)) continue;
        if (least === null || usesOf(channel) < usesOf(least)) least = channel;
      }
      if (least === null) continue;
      this.#chosen.set(operation, least);
      uses.set(least, usesOf(least) + 1);
    }
  }

  /** Whether async_tx must not be used with a device. */
  #breaks(device: DmaDevice): boolean {
    return !this.#allowBroken && !device.private && device.domain.coherent === false;
  }

  #checkCoherence(): void {
    const broken = this.#engine.devices.find((device) => this.#breaks(device));
    this.#refusal = broken === undefined ? null : nonCoherent(broken);
  }
}

function nonCoherent({ name, domain }: DmaDevice): AsyncTxError {
  return new AsyncTxError(
    "ERR_ASYNC_TX_NON_COHERENT",
    `async_tx can't be used with ${name}, because its memory ("${domain.name}") is not coherent with the CPU's caches. ` +
      "Every async_tx call maps its own memory, so the operations of a chain have overlapping mappings of the same bytes, and the end of " +
      "one hands bytes to the CPU that another engine still writes: they are corrupted. Map once for the whole chain with " +
      "@dmaengine/core, or use @dmaengine/raid456, which does. To see the corruption, pass { allowBroken: true }",
  );
}
