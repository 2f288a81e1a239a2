import type { Channel } from "./channel.js";
import type { Descriptor, DmaTx, DmaTxDescriptor } from "./descriptor.js";
import { DmaError } from "./errors.js";
import { DMA_CTRL_REUSE } from "./flags.js";
import type {
  DmaOperation,
  OperationArgs,
  OperationDefinition,
  OperationLimits,
  OperationPort,
} from "./operations/operation.js";
import type { SlaveCapabilities } from "./slave.js";
import { newOperationStats, type OperationStats } from "./stats.js";

/** One operation of one channel: what its prep call works with. */
export class Port<Op extends DmaOperation> implements OperationPort<Op> {
  readonly definition: OperationDefinition<Op>;
  readonly limits: OperationLimits<Op>;
  readonly stats: OperationStats = newOperationStats();
  readonly #channel: Channel;
  readonly #driverPrep: (tx: DmaTx) => boolean;
  /** The argument records that no transaction has: the one that was used last comes first, as it is still in the processor's cache. */
  readonly #idleArgs: OperationArgs<Op>[] = [];

  constructor(
    channel: Channel,
    definition: OperationDefinition<Op>,
    limits: OperationLimits<Op>,
    driverPrep: (tx: DmaTx) => boolean,
  ) {
    this.#channel = channel;
    this.definition = definition;
    this.limits = limits;
    this.#driverPrep = driverPrep;
  }

  get slave(): SlaveCapabilities | null {
    return this.#channel.device.slave;
  }

  begin(flags: number): DmaTx<Op> | null {
    if ((flags & DMA_CTRL_REUSE) !== 0 && !this.#channel.device.descriptorReuse) {
      throw new DmaError(
        "ERR_DMA_LIMIT",
        `${this.#channel.name}: its device has no descriptors for reuse (DMA_CTRL_REUSE)`,
      );
    }
    const tx = this.#channel.takeDescriptor();
    if (tx === null) return null;
    const args = this.#idleArgs.pop() ?? this.definition.createArgs(this.limits);
    tx.begin(this as unknown as Port<DmaOperation>, args, flags);
    return tx as unknown as DmaTx<Op>;
  }

  /** The transaction that had it is no more. */
  giveBack(args: OperationArgs<Op>): void {
    this.#idleArgs.push(args);
  }

  end(tx: DmaTx<Op>, lengthBytes: number): DmaTxDescriptor | null {
    const descriptor = tx as unknown as Descriptor;
    descriptor.lengthBytes = lengthBytes;
    let room = false;
    try {
      room = this.#driverPrep(descriptor);
    } finally {
      if (!room) this.#channel.putBack(descriptor);
    }
    if (room) return descriptor;
    this.#channel.ringFull += 1;
    return null;
  }
}
