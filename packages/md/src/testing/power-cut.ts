import { type MemberDevice, MemberError, type MemoryMember } from "@dmaengine/raid456";

/** The power supply of several devices: it fails after a number of writes and flushes. */
export class Power {
  #operationsLeft: number;

  constructor(operations: number) {
    this.#operationsLeft = operations;
  }

  get failed(): boolean {
    return this.#operationsLeft < 0;
  }

  /** Counts an operation. Once the power has failed, no operation does anything any more. */
  use(device: string): void {
    this.#operationsLeft--;
    if (this.failed) throw new MemberError("ERR_MEMBER_IO", device, "power cut");
  }
}

/**
 * A device with a write cache: what was written but not flushed may or may not survive a power cut, in any
 * combination.
 */
export class CachedMember implements MemberDevice {
  readonly writable = true;
  readonly #medium: MemoryMember;
  readonly #power: Power;
  #cached: { readonly offsetBytes: number; readonly bytes: Uint8Array }[] = [];

  constructor(medium: MemoryMember, power: Power) {
    this.#medium = medium;
    this.#power = power;
  }

  get name(): string {
    return this.#medium.name;
  }

  get sizeBytes(): number {
    return this.#medium.sizeBytes;
  }

  async read(offsetBytes: number, into: Uint8Array): Promise<void> {
    await this.#medium.read(offsetBytes, into);
    for (const write of this.#cached) {
      const start = Math.max(offsetBytes, write.offsetBytes);
      const end = Math.min(offsetBytes + into.length, write.offsetBytes + write.bytes.length);
      if (start >= end) continue;
      into.set(write.bytes.subarray(start - write.offsetBytes, end - write.offsetBytes), start - offsetBytes);
    }
  }

  async write(offsetBytes: number, from: Uint8Array): Promise<void> {
    this.#power.use(this.name);
    this.#cached.push({ offsetBytes, bytes: from.slice() });
  }

  async flush(): Promise<void> {
    this.#power.use(this.name);
    this.loseCache(() => true);
  }

  async close(): Promise<void> {}

  /**
   * What the medium holds after the power cut. @param survives decides about each cached write, oldest first
   */
  loseCache(survives: () => boolean): MemoryMember {
    for (const { offsetBytes, bytes } of this.#cached)
      if (survives()) this.#medium.bytes.set(bytes, offsetBytes);
    this.#cached = [];
    return this.#medium;
  }
}
