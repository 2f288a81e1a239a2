/** Counters of one operation on one channel. */
export interface OperationStats {
  submitted: number;
  completed: number;
  failed: number;
  aborted: number;
  /** Source bytes of the submitted transactions; for fills the bytes written. */
  bytes: number;
}

/** Counters of one channel. */
export interface ChannelStats {
  /** Clients that hold it now. */
  holders: number;
  /** Transactions that were submitted and have not ended. */
  inFlight: number;
  /** Looks at the channel's state. */
  polls: number;
  /** Interrupts that the engine raised for it. */
  interrupts: number;
  /** Prep calls that were answered null because all descriptors were in use. */
  descriptorsFull: number;
  /** Prep calls that were answered null because the driver had no room. */
  ringFull: number;
  readonly operations: Readonly<Record<string, OperationStats>>;
}

/** Counters of one device's use of the mapping API. Each entry of a scatterlist counts. */
export interface MappingStats {
  maps: number;
  unmaps: number;
  /** Mapping calls that failed: the device can't reach the memory, or there is no room to bounce it. */
  failures: number;
  syncsForCpu: number;
  syncsForDevice: number;
  /** Bytes that the device's domain copied because its devices can't reach the memory that was mapped. */
  bouncedBytes: number;
  /** Coherent memory that is allocated now. */
  coherentBytes: number;
}

/** Counters of one device. */
export interface DeviceStats {
  readonly mapping: Readonly<MappingStats>;
  /** Unmap records that have references now. */
  readonly unmapRecords: number;
  readonly channels: Readonly<Record<string, Readonly<ChannelStats>>>;
}

/** The unmap records of one capacity. */
export interface UnmapPoolStats {
  /** Addresses that a record has room for. */
  readonly capacity: number;
  /** Records that exist. */
  readonly created: number;
  /** Those of them that have references now. */
  readonly live: number;
}

/** Counters of an engine instance: by device, channel and operation. A copy; it does not change any more. */
export interface EngineStats {
  readonly devices: Readonly<Record<string, DeviceStats>>;
  readonly unmapPools: readonly UnmapPoolStats[];
}

export function newOperationStats(): OperationStats {
  return { submitted: 0, completed: 0, failed: 0, aborted: 0, bytes: 0 };
}
