import type { DmaCookie } from "./cookie.js";
import type { DmaTx } from "./descriptor.js";
import type { DmaDomain } from "./mapping/domain.js";
import type {
  AnyOperationDefinition,
  DmaOperation,
  OperationLimits,
  PrepName,
  SlaveOperation,
} from "./operations/operation.js";
import type { DmaResidueGranularity, DmaSlaveConfig, SlaveCapabilities } from "./slave.js";
import type { DmaTransResult } from "./status.js";

/** The version of this contract. A driver says which one it was built for; see {@link DmaDriver.contract}. */
export const DRIVER_CONTRACT = 1;

/** What a device can do: each operation it has, with its limits. Report and routing both read this record. */
export type Capabilities<Op extends DmaOperation> = { readonly [K in Op]: OperationLimits<K> };

/** What the framework gives a driver for each of its channels. */
export interface ChannelHost {
  /** `dma<device>chan<n>`, as in the kernel. */
  readonly name: string;
  /** Number of descriptors of the channel; `tx.index` is below it. */
  readonly ringSize: number;
  /**
   * The transaction has ended. Call it once for each submitted descriptor, in the order of submission; never from `prep…` or `submit`.
   * The framework completes the cookie, drops the unmap reference and queues the callback; `tx` may be recycled when it returns.
   *
   * @param residueBytes - what was not moved, where a transfer failed and the engine knows. Default 0.
   */
  complete(tx: DmaTx, result?: DmaTransResult, residueBytes?: number): void;
  /** A period of a submitted cyclic or repeated transaction has ended: its callback is to run once (`vchan_cyclic_callback`). */
  periodElapsed(tx: DmaTx): void;
  /**
   * Runs the callbacks of completed transactions now. Call it from the driver's tasklet; if the driver doesn't,
   * they run in a microtask, or at the next poll.
   */
  runCallbacks(): void;
  /** Counts an interrupt of this channel. */
  interrupt(): void;
}

/** The driver's half of a channel, without its operations. */
export interface DriverChannelControl {
  /**
   * Queues a transaction that was prepared before; its cookie is assigned. May start it, but need not. Can't fail: the room was taken when it
   * was prepared. Transactions are submitted in whichever order clients like, which need not be the order of preparation.
   */
  submit(tx: DmaTx): void;
  /** Starts everything that is queued (`device_issue_pending`). */
  issuePending(): void;
  /** Looks for finished transactions and completes them (the scan inside `device_tx_status`). Must not block. */
  poll(): void;
  /**
   * Lets time pass until `cookie` may be complete: what a waiting client does between two polls. Returns, or resolves to, false when nothing
   * will ever happen by itself any more, which the client reports as a hang.
   * Left out: the client gives the event loop a turn.
   */
  relax?(cookie: DmaCookie): boolean | Promise<boolean>;
  /** Bytes that a submitted, unfinished transaction has still to move. Left out: its whole length. */
  residue?(tx: DmaTx): number;
  /**
   * Stops the engine and forgets every queued and running transaction, and the room taken by prepared ones, except descriptors for
   * reuse, which keep theirs until {@link freeDescriptor} (`device_terminate_all`). Without {@link synchronize}, no transfer touches memory afterwards, and the framework ends the descriptors.
   */
  terminateAll(): void;
  /**
   * For an engine that can't stop at once (`device_synchronize`): resolves when none of the transfers that {@link terminateAll} forgot touches
   * memory any more. The framework calls it after each `terminateAll` and ends the descriptors when it resolves, so that nothing is
   * unmapped under a running transfer. What is submitted meanwhile has to wait behind it.
   */
  synchronize?(): Promise<void>;
  /** Stops moving data without losing any (`device_pause`). Goes with {@link resume}. Left out: the channel can't be paused. */
  pause?(): void;
  /** Goes on where {@link pause} stopped (`device_resume`). */
  resume?(): void;
  /** Takes the room of a descriptor for reuse back: it is idle and its client has freed it. Left out: there is nothing to take back. */
  freeDescriptor?(tx: DmaTx): void;
  /** Takes the hardware into use (`device_alloc_chan_resources`). Called once, at registration. */
  allocChanResources?(): void | Promise<void>;
  /** Gives it up (`device_free_chan_resources`). Called once, when nothing is queued or running any more. */
  freeChanResources?(): void | Promise<void>;
}

/** What the driver's half of a channel has besides if it talks to a peripheral. */
export interface DriverSlaveControl {
  /** Keeps the configuration for transfers that are prepared from now on (`device_config`). Throws a DmaError for one that it can't do. */
  config(config: DmaSlaveConfig): void;
}

/**
 * The driver's half of each operation: takes room for the transaction, or answers false when there is none now. Arguments are in `tx.args`
 * and within the limits of the capability record. What was taken is used by the `submit` that follows.
 */
export type DriverPreps<Op extends DmaOperation> = { [K in Op as PrepName<K>]: (tx: DmaTx<K>) => boolean };

/**
 * The driver's half of a channel: a prep call for every operation that the device claims, the control calls, and `config` if one of the
 * operations is a transfer from or to a peripheral.
 */
export type DriverChannel<Op extends DmaOperation> = DriverChannelControl &
  DriverPreps<Op> &
  IfSlave<Op, DriverSlaveControl>;

/** `Part` if one of the operations is a transfer from or to a peripheral, else nothing. */
export type IfSlave<Op extends DmaOperation, Part> = [Extract<Op, SlaveOperation>] extends [never]
  ? unknown
  : Part;

/** One engine that a driver offers: `struct dma_device`. Make it with {@link defineDevice}. */
export interface DeviceDefinition<Op extends DmaOperation = DmaOperation> {
  /** For messages and statistics: the engine's name in its platform, for example "ioat0". One engine instance has each name once. */
  readonly name: string;
  readonly capabilities: Capabilities<Op>;
  /** How the engine reaches memory. Devices that share a domain object share mappings. */
  readonly domain: DmaDomain;
  /** Most transactions of one channel at a time, prepared ones included. */
  readonly ringSize: number;
  /** Only to be used by request, never found for opportunistic use (`DMA_PRIVATE`). Default false. */
  readonly private?: boolean;
  /** Width of the engine's addresses (`dma_mask`), 1 to 53. Memory that its domain places beyond can't be mapped. Default 53. */
  readonly dmaMaskBits?: number;
  /** Longest segment of a scatterlist, in bytes (`max_segment_size`). Default 65536, as in the kernel. */
  readonly maxSegmentBytes?: number;
  /** A power of two that no segment of a scatterlist may cross a multiple of (`segment_boundary_mask` + 1). Default: none. */
  readonly segmentBoundaryBytes?: number;
  /** How often the residue moves. Default DESCRIPTOR. */
  readonly residueGranularity?: DmaResidueGranularity;
  /** Whether descriptors can be submitted again after completion (`descriptor_reuse`). Default false. */
  readonly descriptorReuse?: boolean;
  /** About transfers from and to peripherals; a device that claims one must have it. */
  readonly slave?: SlaveCapabilities;
  /** One entry for each channel: makes the driver's half. */
  readonly channels: readonly ((host: ChannelHost) => DriverChannel<Op>)[];
}

/** A device whose operations are no longer known to the type system. */
export interface AnyDeviceDefinition extends Omit<DeviceDefinition, "capabilities" | "channels"> {
  readonly capabilities: Partial<Capabilities<DmaOperation>>;
  readonly channels: readonly ((host: ChannelHost) => DriverChannelControl)[];
}

/** A driver: what a plugin exports a factory for. */
export interface DmaDriver {
  /** The plugin's package name, so that errors name whom to blame. */
  readonly name: string;
  /**
   * The version of the driver contract that it was built for. Write the number, checked by the type when the driver is built:
   * `contract: 1 satisfies typeof DRIVER_CONTRACT`. The constant itself would be that of the core which is installed when it runs.
   */
  readonly contract: number;
  /** Operations that the plugin brings along, beyond the built-in ones. */
  readonly operations?: readonly AnyOperationDefinition[];
  /** Finds the hardware and describes it. Called once for each registration. */
  probe(): readonly AnyDeviceDefinition[] | Promise<readonly AnyDeviceDefinition[]>;
  /** Gives up what {@link probe} took. Called after the last channel is freed. */
  remove?(): void | Promise<void>;
}

/**
 * Types a device. What does not compile: an operation in `capabilities` without its prep call in the channels, a transfer from or to a
 * peripheral without `config` in the channels or without `slave`.
 *
 * @typeParam Op - inferred from `capabilities`.
 */
export function defineDevice<Op extends DmaOperation>(
  definition: DeviceDefinition<Op> & IfSlave<Op, { readonly slave: SlaveCapabilities }>,
): AnyDeviceDefinition {
  return definition as unknown as AnyDeviceDefinition;
}
