import { DMA_CTRL_REUSE, DMA_PREP_INTERRUPT, DmaTransResult } from "@dmaengine/core";
import {
  type AddressSpace,
  type AnyDeviceDefinition,
  BUILT_IN_OPERATIONS,
  type ChannelHost,
  DirectDomain,
  type DmaDriver,
  type DmaTx,
  DRIVER_CONTRACT,
  type DriverChannel,
  defineDevice,
  type OperationDefinition,
  type ReferenceMemory,
} from "@dmaengine/core/driver";

/** What the small engine can do. */
export type SmallOperation =
  | "memcpy"
  | "memset"
  | "xor"
  | "xorVal"
  | "pq"
  | "pqVal"
  | "interrupt"
  | "memsetSg"
  | "immData"
  | "interleaved";

/** Slots in the engine's ring. A transaction with many sources takes two. */
export const SLOTS = 20;
const SOURCES_PER_SLOT = 4;

/** A transaction that the engine has carried out and nobody has heard of yet. */
interface Finished {
  readonly tx: DmaTx;
  readonly result: DmaTransResult;
}

/**
 * One channel of a small but complete engine in software: it works in the background, a transaction in each microtask, interrupts where
 * it is asked to and is polled where not, runs full, fails at addresses that are not mapped, can be paused and terminated.
 * Its methods are small, so that each defect in `mutants.ts` can be a change of one.
 */
export class SmallChannel implements DriverChannel<SmallOperation> {
  protected readonly host: ChannelHost;
  protected readonly space: AddressSpace;
  protected usedSlots = 0;
  protected submitted: DmaTx[] = [];
  protected issued: DmaTx[] = [];
  protected finished: Finished[] = [];
  protected paused = false;
  /** Transactions that are prepared and were never submitted. */
  protected readonly prepared = new Set<DmaTx>();
  #scheduled = false;

  constructor(host: ChannelHost, space: AddressSpace) {
    this.host = host;
    this.space = space;
  }

  readonly prepMemcpy = (tx: DmaTx): boolean => this.prepare(tx);
  readonly prepMemset = (tx: DmaTx): boolean => this.prepare(tx);
  readonly prepXor = (tx: DmaTx): boolean => this.prepare(tx);
  readonly prepXorVal = (tx: DmaTx): boolean => this.prepare(tx);
  readonly prepPq = (tx: DmaTx): boolean => this.prepare(tx);
  readonly prepPqVal = (tx: DmaTx): boolean => this.prepare(tx);
  readonly prepInterrupt = (tx: DmaTx): boolean => this.prepare(tx);
  readonly prepMemsetSg = (tx: DmaTx): boolean => this.prepare(tx);
  readonly prepImmData = (tx: DmaTx): boolean => this.prepare(tx);
  readonly prepInterleaved = (tx: DmaTx): boolean => this.prepare(tx);

  submit(tx: DmaTx): void {
    this.prepared.delete(tx);
    this.submitted.push(tx);
  }

  issuePending(): void {
    this.issued.push(...this.submitted);
    this.submitted.length = 0;
    this.schedule();
  }

  poll(): void {
    this.completeFinished();
  }

  relax(): boolean {
    if (this.issued.length === 0 || this.paused) return false;
    this.step();
    return true;
  }

  residue(tx: DmaTx): number {
    return this.finished.some((done) => done.tx === tx) ? 0 : lengthOf(tx);
  }

  freeDescriptor(tx: DmaTx): void {
    this.giveBack(tx);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.schedule();
  }

  terminateAll(): void {
    for (const tx of [...this.submitted, ...this.issued, ...this.prepared]) this.end(tx);
    for (const { tx } of this.finished) this.end(tx);
    this.submitted.length = 0;
    this.issued.length = 0;
    this.finished.length = 0;
    this.prepared.clear();
    this.paused = false;
  }

  /** Takes room. */
  protected prepare(tx: DmaTx): boolean {
    if (this.usedSlots + this.slotsOf(tx) > SLOTS) return false;
    this.usedSlots += this.slotsOf(tx);
    this.prepared.add(tx);
    return true;
  }

  /** Gives the room of a transaction back that has ended, unless its client means to submit it again. */
  protected end(tx: DmaTx): void {
    if ((tx.flags & DMA_CTRL_REUSE) === 0) this.giveBack(tx);
  }

  protected giveBack(tx: DmaTx): void {
    this.usedSlots -= this.slotsOf(tx);
  }

  protected slotsOf(tx: DmaTx): number {
    const { srcCnt = 1 } = tx.args as { srcCnt?: number };
    return srcCnt > SOURCES_PER_SLOT ? 2 : 1;
  }

  /** Sees to it that the engine goes on working by itself. */
  protected schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      if (this.paused || this.issued.length === 0) return;
      this.step();
      this.schedule();
    });
  }

  /** Carries one transaction out. */
  protected step(): void {
    const tx = this.issued.shift();
    if (tx === undefined) return;
    this.finish(tx, this.execute(tx));
  }

  protected finish(tx: DmaTx, result: DmaTransResult): void {
    this.finished.push({ tx, result });
    if ((tx.flags & DMA_PREP_INTERRUPT) === 0) return;
    this.host.interrupt();
    this.completeFinished();
  }

  /** What a real driver does in its interrupt's tasklet, or when it is polled. */
  protected completeFinished(): void {
    for (let done = this.finished.shift(); done !== undefined; done = this.finished.shift()) {
      this.end(done.tx);
      this.host.complete(done.tx, done.result);
    }
  }

  protected execute(tx: DmaTx): DmaTransResult {
    if (!this.reaches(tx, "reads")) return DmaTransResult.READ_FAILED;
    if (!this.reaches(tx, "writes")) return DmaTransResult.WRITE_FAILED;
    definitionOf(tx).reference(tx.args, tx.flags, this.memory(tx));
    return DmaTransResult.NOERROR;
  }

  protected reaches(tx: DmaTx, side: "reads" | "writes"): boolean {
    try {
      definitionOf(tx)[side](tx.args, tx.flags, (addr, lengthBytes) => this.space.locate(addr, lengthBytes));
      return true;
    } catch {
      return false;
    }
  }

  /** Memory as the transaction sees it. */
  protected memory(_tx: DmaTx): ReferenceMemory {
    return {
      read: (addr) => {
        const { bytes, base } = this.space.locate(addr, 1);
        return bytes[addr - base] as number;
      },
      write: (addr, value) => {
        const { bytes, base } = this.space.locate(addr, 1);
        bytes[addr - base] = value;
      },
    };
  }
}

/** What the framework knows of a transaction's operation. */
export function definitionOf(tx: DmaTx): OperationDefinition<SmallOperation> {
  const definition = BUILT_IN_OPERATIONS.find(({ name }) => name === tx.operation);
  return definition as unknown as OperationDefinition<SmallOperation>;
}

/** Bytes that a transaction reads. */
export function lengthOf(tx: DmaTx): number {
  let sum = 0;
  definitionOf(tx).reads(tx.args, tx.flags, (_addr, lengthBytes) => {
    sum += lengthBytes;
  });
  return sum;
}

/** What differs from engine to engine. */
export interface SmallOptions {
  /** Makes a channel; a defective one in `mutants.ts`. */
  readonly channel?: new (
    host: ChannelHost,
    space: AddressSpace,
  ) => SmallChannel;
  /** Changes the description of the device. */
  readonly describe?: (definition: AnyDeviceDefinition) => AnyDeviceDefinition;
}

/** The driver of a device with two channels. */
export function small(options: SmallOptions = {}): DmaDriver {
  const { channel: Channel = SmallChannel, describe = (definition) => definition } = options;
  return {
    name: "small",
    contract: DRIVER_CONTRACT,
    probe() {
      const domain = new DirectDomain("small");
      const channel = (host: ChannelHost): SmallChannel => new Channel(host, domain.space);
      const definition = defineDevice<SmallOperation>({
        name: "small0",
        capabilities: {
          memcpy: {},
          memset: {},
          xor: { maxSources: 6 },
          xorVal: { maxSources: 6 },
          pq: { maxSources: 6, continuation: false },
          pqVal: { maxSources: 6, continuation: false },
          interrupt: {},
          memsetSg: { maxSegments: 4 },
          immData: { alignBytes: 8 },
          interleaved: { maxChunks: 4, maxFrames: 8 },
        },
        domain,
        ringSize: 24,
        descriptorReuse: true,
        channels: [channel, channel],
      });
      return [describe(definition)];
    },
  };
}
