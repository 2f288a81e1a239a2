/**
 * An engine for the tests of this package. It does what the operations' reference code says, and nothing ends before the test lets it.
 *
 * @module
 */
import type { DmaTx } from "../descriptor.js";
import {
  type AnyDeviceDefinition,
  type ChannelHost,
  type DmaDriver,
  DRIVER_CONTRACT,
  type DriverChannelControl,
} from "../driver-contract.js";
import { DirectDomain } from "../mapping/direct-domain.js";
import type { DmaAddr } from "../mapping/domain.js";
import { BUILT_IN_OPERATIONS } from "../operations/index.js";
import {
  type AnyOperationDefinition,
  type OperationDefinition,
  prepName,
  type ReferenceMemory,
} from "../operations/operation.js";
import { type DmaSlaveConfig, DmaTransferDirection } from "../slave.js";
import { DmaTransResult } from "../status.js";

/** Every built-in operation, with limits that small tests can reach. */
export const MODEL_CAPABILITIES: AnyDeviceDefinition["capabilities"] = {
  memcpy: {},
  memset: {},
  xor: { maxSources: 8 },
  xorVal: { maxSources: 8 },
  pq: { maxSources: 8, continuation: false },
  pqVal: { maxSources: 8, continuation: false },
  interrupt: {},
  memsetSg: { maxSegments: 4 },
  immData: {},
  interleaved: { maxChunks: 4, repeat: true, loadEot: true },
  slaveSg: { maxSegments: 4 },
  cyclic: {},
};

export interface ModelOptions extends Partial<Omit<AnyDeviceDefinition, "channels">> {
  /** Default 1. */
  readonly channels?: number;
  readonly contract?: number;
  readonly operations?: readonly AnyOperationDefinition[];
  /** Left out of the driver's channels: `"prepXor"`, `"pause"` … */
  readonly without?: readonly string[];
  /** Added to the driver's channels. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** A driver with one device. */
export class ModelDriver implements DmaDriver {
  readonly name: string;
  readonly contract: number;
  readonly operations: readonly AnyOperationDefinition[];
  readonly domain: DirectDomain;
  readonly channels: ModelChannel[] = [];
  removed = 0;
  readonly #options: ModelOptions;

  constructor(options: ModelOptions = {}) {
    this.#options = options;
    this.name = `driver of ${options.name ?? "model0"}`;
    this.contract = options.contract ?? DRIVER_CONTRACT;
    this.operations = options.operations ?? [];
    this.domain = (options.domain as DirectDomain | undefined) ?? new DirectDomain("model memory");
  }

  /** Its first channel. */
  get channel(): ModelChannel {
    return this.channels[0] as ModelChannel;
  }

  probe(): readonly AnyDeviceDefinition[] {
    const {
      channels = 1,
      contract: _contract,
      operations: _operations,
      without = [],
      extra = {},
      ...rest
    } = this.#options;
    const create = (host: ChannelHost): DriverChannelControl => {
      const channel = new ModelChannel(host, this.domain, [...BUILT_IN_OPERATIONS, ...this.operations]);
      Object.assign(channel, extra, Object.fromEntries(without.map((name) => [name, undefined])));
      this.channels.push(channel);
      return channel;
    };
    return [
      {
        name: "model0",
        capabilities: MODEL_CAPABILITIES,
        ringSize: 4,
        slave: {
          directions: [DmaTransferDirection.MEM_TO_DEV, DmaTransferDirection.DEV_TO_MEM],
          srcAddrWidths: [1, 4],
          dstAddrWidths: [1, 4],
        },
        ...rest,
        domain: this.domain,
        channels: Array.from({ length: channels }, () => create),
      },
    ];
  }

  remove(): void {
    this.removed += 1;
  }
}

/** The driver's half of a channel. */
export class ModelChannel implements DriverChannelControl {
  readonly host: ChannelHost;
  /** Transactions that it has room for, prepared ones included. */
  room = Number.POSITIVE_INFINITY;
  /** Whether a poll finds everything finished that was issued. */
  fast = false;
  readonly submitted: DmaTx[] = [];
  readonly issued: DmaTx[] = [];
  /** What it was told, in order. */
  readonly calls: string[] = [];
  readonly configs: DmaSlaveConfig[] = [];
  /** What the peripheral has to give, and what it was given. */
  readonly peripheral = { give: [] as number[], taken: [] as number[] };
  #waiting: ((alive: boolean) => void)[] = [];
  readonly #domain: DirectDomain;
  readonly #definitions: ReadonlyMap<string, AnyOperationDefinition>;

  constructor(host: ChannelHost, domain: DirectDomain, operations: readonly AnyOperationDefinition[]) {
    this.host = host;
    this.#domain = domain;
    this.#definitions = new Map(operations.map((operation) => [operation.name, operation]));
    const preps = operations.map(({ name }) => [prepName(name), () => this.#takeRoom()]);
    Object.assign(this, Object.fromEntries(preps));
  }

  submit(tx: DmaTx): void {
    this.submitted.push(tx);
  }

  issuePending(): void {
    this.issued.push(...this.submitted.splice(0));
  }

  poll(): void {
    if (this.fast) this.finish();
  }

  relax(): boolean | Promise<boolean> {
    if (this.fast) return this.issued.length > 0;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  residue(tx: DmaTx): number {
    return this.issued.includes(tx) ? 5 : 10;
  }

  terminateAll(): void {
    this.calls.push("terminateAll");
    this.submitted.length = 0;
    this.issued.length = 0;
  }

  pause(): void {
    this.calls.push("pause");
  }

  resume(): void {
    this.calls.push("resume");
  }

  config(config: DmaSlaveConfig): void {
    this.configs.push(config);
  }

  freeDescriptor(tx: DmaTx): void {
    this.calls.push(`freeDescriptor ${tx.operation}`);
    this.room += 1;
  }

  allocChanResources(): void {
    this.calls.push("allocChanResources");
  }

  freeChanResources(): void {
    this.calls.push("freeChanResources");
  }

  /** Ends the next `count` issued transactions, or all of them; a successful one does its work first. */
  finish(
    count = this.issued.length,
    result: DmaTransResult = DmaTransResult.NOERROR,
    residueBytes = 0,
  ): void {
    for (const tx of this.issued.splice(0, count)) {
      if (result === DmaTransResult.NOERROR) this.work(tx);
      this.room += 1;
      this.host.complete(tx, result, residueBytes);
    }
    for (const resolve of this.#waiting.splice(0)) resolve(true);
  }

  /** Tells whoever waits that nothing will happen any more. */
  hang(): void {
    for (const resolve of this.#waiting.splice(0)) resolve(false);
  }

  /** Does what the operation's reference says. */
  work(tx: DmaTx): void {
    const definition = this.#definitions.get(tx.operation) as unknown as OperationDefinition<"memcpy">;
    definition.reference((tx as DmaTx<"memcpy">).args, tx.flags, this.#memory());
  }

  #memory(): ReferenceMemory {
    const byte = (addr: DmaAddr) => {
      const window = this.#domain.space.locate(addr, 1);
      return { bytes: window.bytes, at: addr - window.base };
    };
    return {
      read: (addr) => byte(addr).bytes[byte(addr).at] as number,
      write: (addr, value) => {
        byte(addr).bytes[byte(addr).at] = value;
      },
      peripheral: {
        read: () => this.peripheral.give.shift() ?? 0,
        write: (value) => this.peripheral.taken.push(value),
      },
    };
  }

  #takeRoom(): boolean {
    if (this.room < 1) return false;
    this.room -= 1;
    return true;
  }
}
