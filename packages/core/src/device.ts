import { Channel } from "./channel.js";
import type { EngineContext } from "./context.js";
import type { AnyDeviceDefinition, Capabilities } from "./driver-contract.js";
import { MappingDevice } from "./mapping/mapping-device.js";
import type { DmaUnmapData } from "./mapping/unmap-data.js";
import type { AnyOperationDefinition, DmaOperation, OperationLimits } from "./operations/operation.js";
import { DmaResidueGranularity, type SlaveCapabilities } from "./slave.js";
import type { DeviceStats } from "./stats.js";

/** `max_segment_size` of a device that doesn't say. */
const DEFAULT_MAX_SEGMENT_BYTES = 65536;
/** Addresses are numbers, which are exact up to here. */
const DEFAULT_MASK_BITS = 53;

/**
 * One registered engine, as clients see it: what it can do, and the mapping API for memory that it is to work on.
 * Map with the device whose channel will run the transaction.
 */
export class DmaDevice extends MappingDevice {
  /** Number of the device in its engine instance; channels are called `dma<id>chan<n>`. */
  readonly id: number;
  /** What it can do, with limits. */
  readonly capabilities: Partial<Capabilities<DmaOperation>>;
  /** Most transactions of one of its channels at a time. */
  readonly ringSize: number;
  /** Only to be used by request. */
  readonly private: boolean;
  /** How often the residue of its transactions moves. */
  readonly residueGranularity: DmaResidueGranularity;
  /** Whether descriptors can be submitted again after completion, with `DMA_CTRL_REUSE`. */
  readonly descriptorReuse: boolean;
  /** What it says of transfers from and to peripherals; null if it has none. */
  readonly slave: SlaveCapabilities | null;
  /** @internal */
  readonly channels: readonly Channel[];
  /** @internal Unmap records with references. */
  unmapRecords = 0;
  /** @internal Called when something that kept the device busy may be gone. Null while nobody waits for that. */
  onRelease: (() => void) | null = null;

  /** @internal */
  constructor(
    id: number,
    definition: AnyDeviceDefinition,
    operations: readonly AnyOperationDefinition[],
    context: EngineContext,
  ) {
    super(
      definition.name,
      definition.domain,
      {
        dmaMaskBits: definition.dmaMaskBits ?? DEFAULT_MASK_BITS,
        maxSegmentBytes: definition.maxSegmentBytes ?? DEFAULT_MAX_SEGMENT_BYTES,
        segmentBoundaryBytes: definition.segmentBoundaryBytes ?? Number.POSITIVE_INFINITY,
      },
      context,
    );
    this.id = id;
    this.capabilities = definition.capabilities;
    this.ringSize = definition.ringSize;
    this.private = definition.private ?? false;
    this.residueGranularity = definition.residueGranularity ?? DmaResidueGranularity.DESCRIPTOR;
    this.descriptorReuse = definition.descriptorReuse ?? false;
    this.slave = definition.slave ?? null;
    const claimed = operations.map((operation) => ({
      definition: operation,
      limits: definition.capabilities[operation.name] as OperationLimits<DmaOperation>,
    }));
    this.channels = definition.channels.map((create, n) => {
      const channel = new Channel(this, `dma${id}chan${n}`, definition.ringSize, context);
      channel.attach(create(channel), claimed);
      return channel;
    });
  }

  /** Whether the device has every one of these operations. */
  has(...operations: readonly DmaOperation[]): boolean {
    return operations.every((operation) => Object.hasOwn(this.capabilities, operation));
  }

  /** An unmap record for up to `count` addresses, with one reference (`dmaengine_get_unmap_data`). */
  getUnmapData(count: number): DmaUnmapData {
    return this.context.pools.take(this, count);
  }

  /** Its counters, as they are now. A copy. */
  stats(): DeviceStats {
    return {
      mapping: this.mappingStats(),
      unmapRecords: this.unmapRecords,
      channels: Object.fromEntries(this.channels.map((channel) => [channel.name, channel.stats()])),
    };
  }
}
