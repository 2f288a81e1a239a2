import type { Random } from "@dmaengine/conformance";
import { FaultyMember, type MemberDevice, MemoryMember } from "@dmaengine/raid456";
import { ClockEvent, type VirtualClock } from "@dmaengine/sim";

/** Longest time that a call takes, in nanoseconds of the virtual clock. */
const SLOWEST_NANOS = 50_000;

/** What a member does wrong without telling, to see that it is found out. */
export type Lie = "loses a write" | "returns a wrong byte";

/**
 * A disk of a simulated machine: memory behind a plan of faults, whose calls take a while. They end in any order, as those of a disk with a queue.
 */
export class SimulatedMember implements MemberDevice {
  readonly writable = true;
  readonly faults: FaultyMember;
  readonly #clock: VirtualClock;
  readonly #random: Random;
  #lie: Lie | null = null;

  constructor(name: string, sizeBytes: number, clock: VirtualClock, random: Random, filledWith: number) {
    const memory = new MemoryMember(sizeBytes, { name });
    memory.bytes.fill(filledWith);
    this.faults = new FaultyMember(memory);
    this.#clock = clock;
    this.#random = random;
  }

  get name(): string {
    return this.faults.name;
  }

  get sizeBytes(): number {
    return this.faults.sizeBytes;
  }

  /** The next call that can be is a lie. */
  lieOnce(lie: Lie): void {
    this.#lie = lie;
  }

  async read(offsetBytes: number, into: Uint8Array): Promise<void> {
    await this.#takeTime();
    await this.faults.read(offsetBytes, into);
    if (this.#lies("returns a wrong byte")) into[0] = (into[0] as number) ^ 1;
  }

  async readVector(offsetBytes: number, into: readonly Uint8Array[]): Promise<void> {
    await this.#takeTime();
    await this.faults.readVector(offsetBytes, into);
    const [first] = into;
    if (first !== undefined && this.#lies("returns a wrong byte")) first[0] = (first[0] as number) ^ 1;
  }

  async write(offsetBytes: number, from: Uint8Array): Promise<void> {
    await this.#takeTime();
    if (!this.#lies("loses a write")) await this.faults.write(offsetBytes, from);
    await this.#takeTime();
  }

  async writeVector(offsetBytes: number, from: readonly Uint8Array[]): Promise<void> {
    await this.#takeTime();
    if (!this.#lies("loses a write")) await this.faults.writeVector(offsetBytes, from);
    await this.#takeTime();
  }

  async discard(offsetBytes: number, lengthBytes: number): Promise<void> {
    await this.#takeTime();
    await this.faults.discard?.(offsetBytes, lengthBytes);
  }

  async flush(): Promise<void> {
    await this.#takeTime();
    await this.faults.flush();
  }

  async close(): Promise<void> {
    await this.faults.close();
  }

  #takeTime(): Promise<void> {
    return new Promise((resolve) =>
      this.#clock.schedule(this.#random.int(0, SLOWEST_NANOS), new ClockEvent(resolve)),
    );
  }

  #lies(lie: Lie): boolean {
    if (this.#lie !== lie) return false;
    this.#lie = null;
    return true;
  }
}
