import { DMA_PREP_INTERRUPT, type DmaDriver, DmaTransResult } from "@dmaengine/core";
import {
  type AddressSpace,
  BUILT_IN_OPERATIONS,
  type ChannelHost,
  DirectDomain,
  DMA_MAPPING_ERROR,
  type DmaDirection,
  type DmaTx,
  DRIVER_CONTRACT,
  type DriverChannel,
  defineDevice,
  type OperationArgs,
  type OperationDefinition,
} from "@dmaengine/core/driver";

type Operation = "memcpy" | "memset" | "xor" | "pq";

/** Memory that a fault may do something to. */
export interface Memory {
  read(addr: number): number;
  write(addr: number, value: number): void;
}

/** What can go wrong. All of it does until it is switched off. */
export interface Faults {
  /** Mappings of this direction fail. */
  unmappable?: DmaDirection;
  /** There is never room. */
  full?: boolean;
  /** Nobody is told when a transfer has ended. */
  lostInterrupt?: boolean;
  /** Transfers end with this result. */
  result?: DmaTransResult;
  /** Done to memory when a transfer is complete. */
  damage?: (tx: DmaTx, memory: Memory) => void;
  /** Called with each transfer when it starts. */
  onStart?: (tx: DmaTx) => void;
}

/** A device with two channels that does everything right but what `faults` say, which may change at any time. */
export function faulty(faults: Faults = {}): DmaDriver {
  return {
    name: "faulty",
    contract: DRIVER_CONTRACT,
    probe() {
      const domain = new FaultyDomain(faults);
      const channel = (host: ChannelHost): DriverChannel<Operation> =>
        makeChannel(host, domain.space, faults);
      return [
        defineDevice<Operation>({
          name: "faulty0",
          capabilities: {
            memcpy: {},
            memset: {},
            xor: { maxSources: 4 },
            pq: { maxSources: 300, continuation: true },
          },
          domain,
          ringSize: 8,
          channels: [channel, channel],
        }),
      ];
    },
  };
}

class FaultyDomain extends DirectDomain {
  readonly #faults: Faults;

  constructor(faults: Faults) {
    super("faulty");
    this.#faults = faults;
  }

  override map(...args: Parameters<DirectDomain["map"]>): number {
    return args[3] === this.#faults.unmappable ? DMA_MAPPING_ERROR : super.map(...args);
  }
}

function makeChannel(host: ChannelHost, space: AddressSpace, faults: Faults): DriverChannel<Operation> {
  const queue: DmaTx[] = [];
  const ended: DmaTx[] = [];
  const memory: Memory = {
    read(addr) {
      const { bytes, base } = space.locate(addr, 1);
      return bytes[addr - base] as number;
    },
    write(addr, value) {
      const { bytes, base } = space.locate(addr, 1);
      bytes[addr - base] = value;
    },
  };
  const prep = (): boolean => faults.full !== true;
  const poll = (): void => {
    if (faults.lostInterrupt === true) return;
    for (const tx of ended.splice(0)) host.complete(tx, faults.result ?? DmaTransResult.NOERROR);
  };
  return {
    prepMemcpy: prep,
    prepMemset: prep,
    prepXor: prep,
    prepPq: prep,
    submit: (tx) => {
      queue.push(tx);
    },
    issuePending() {
      queueMicrotask(() => {
        for (let tx = queue[0]; tx !== undefined; tx = queue[0]) {
          faults.onStart?.(tx);
          // It may have been terminated meanwhile.
          if (queue.shift() === undefined) break;
          definitionOf(tx).reference(tx.args as OperationArgs<Operation>, tx.flags, memory);
          faults.damage?.(tx, memory);
          ended.push(tx);
          if ((tx.flags & DMA_PREP_INTERRUPT) !== 0) poll();
        }
      });
    },
    poll,
    relax: () => ended.length > 0 && faults.lostInterrupt !== true,
    terminateAll() {
      queue.length = 0;
      ended.length = 0;
    },
  };
}

function definitionOf(tx: DmaTx): OperationDefinition<Operation> {
  const definition = BUILT_IN_OPERATIONS.find(({ name }) => name === tx.operation);
  return definition as unknown as OperationDefinition<Operation>;
}
