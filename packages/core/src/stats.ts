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

/** Counters of one device's use of the mapping API. */
export interface MappingStats {
  maps: number;
  unmaps: number;
  syncsForCpu: number;
  syncsForDevice: number;
  /** Bytes that were copied because the device can't reach the memory that was mapped. */
  bouncedBytes: number;
}

/** Counters of one device. */
export interface DeviceStats {
  readonly mapping: Readonly<MappingStats>;
  readonly channels: Readonly<Record<string, Readonly<ChannelStats>>>;
}

/** Counters of an engine instance: by device, channel and operation. A copy; it does not change any more. */
export interface EngineStats {
  readonly devices: Readonly<Record<string, DeviceStats>>;
}

export function newOperationStats(): OperationStats {
  return { submitted: 0, completed: 0, failed: 0, aborted: 0, bytes: 0 };
}
