import type { MemberDevice } from "./member-device.js";
import { MemberError } from "./member-error.js";
import { readVector, vectorBytes, writeVector } from "./vector.js";

/** One planned failure of a {@link FaultyMember}. */
export interface MemberFault {
  /** Which calls it hits. */
  readonly operation: "read" | "write" | "flush";
  /** First byte of the range that a read or write must touch to be hit. Default 0. */
  readonly startBytes?: number;
  /** First byte behind that range. Default: the end of the device. */
  readonly endBytes?: number;
  /** How many calls that it could hit go through first. Default 0. */
  readonly skip?: number;
  /** How many calls it then hits. Default: all. */
  readonly count?: number;
  /**
   * For reads: a write heals the part of the range that it covers, as a disk does that remaps a bad sector.
   * Default false.
   */
  readonly untilWritten?: boolean;
}

interface ArmedFault {
  readonly operation: MemberFault["operation"];
  readonly untilWritten: boolean;
  startBytes: number;
  endBytes: number;
  skip: number;
  count: number;
}

/**
 * A member that fails by plan, around one that works, so that recovery can be tested.
 *
 * A call that is hit rejects with `ERR_MEMBER_IO` and does not reach the device inside: nothing of a failed
 * write is stored. Calls are counted per fault, in the order in which they are made, so a plan replays
 * exactly.
 */
export class FaultyMember implements MemberDevice {
  /** As the device inside has it; write faults hit it too. */
  readonly discard?: (offsetBytes: number, lengthBytes: number) => Promise<void>;
  readonly #inner: MemberDevice;
  #faults: ArmedFault[] = [];

  constructor(inner: MemberDevice, ...faults: readonly MemberFault[]) {
    this.#inner = inner;
    if (inner.discard !== undefined) {
      this.discard = async (offsetBytes, lengthBytes) => {
        this.#meet("write", offsetBytes, offsetBytes + lengthBytes);
        await inner.discard?.(offsetBytes, lengthBytes);
        this.#remap(offsetBytes, offsetBytes + lengthBytes);
      };
    }
    for (const fault of faults) this.inject(fault);
  }

  get name(): string {
    return this.#inner.name;
  }

  get sizeBytes(): number {
    return this.#inner.sizeBytes;
  }

  get writable(): boolean {
    return this.#inner.writable;
  }

  /** Adds a fault to the plan; its counting starts now. */
  inject({
    operation,
    startBytes = 0,
    endBytes = this.sizeBytes,
    skip = 0,
    count = Number.POSITIVE_INFINITY,
    untilWritten = false,
  }: MemberFault): void {
    this.#faults.push({ operation, startBytes, endBytes, skip, count, untilWritten });
  }

  /** Fails every read, write and flush from now on: the device has died. */
  kill(): void {
    for (const operation of ["read", "write", "flush"] as const) this.inject({ operation });
  }

  /** Drops the whole plan. */
  heal(): void {
    this.#faults = [];
  }

  async read(offsetBytes: number, into: Uint8Array): Promise<void> {
    this.#meet("read", offsetBytes, offsetBytes + into.length);
    await this.#inner.read(offsetBytes, into);
  }

  async write(offsetBytes: number, from: Uint8Array): Promise<void> {
    const endBytes = offsetBytes + from.length;
    this.#meet("write", offsetBytes, endBytes);
    await this.#inner.write(offsetBytes, from);
    this.#remap(offsetBytes, endBytes);
  }

  async readVector(offsetBytes: number, into: readonly Uint8Array[]): Promise<void> {
    this.#meet("read", offsetBytes, offsetBytes + vectorBytes(into));
    await readVector(this.#inner, offsetBytes, into);
  }

  async writeVector(offsetBytes: number, from: readonly Uint8Array[]): Promise<void> {
    const endBytes = offsetBytes + vectorBytes(from);
    this.#meet("write", offsetBytes, endBytes);
    await writeVector(this.#inner, offsetBytes, from);
    this.#remap(offsetBytes, endBytes);
  }

  async flush(): Promise<void> {
    this.#meet("flush", 0, this.sizeBytes);
    await this.#inner.flush();
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }

  #meet(operation: MemberFault["operation"], startBytes: number, endBytes: number): void {
    let hit = false;
    for (const fault of this.#faults) {
      if (fault.operation !== operation || endBytes <= fault.startBytes || startBytes >= fault.endBytes)
        continue;
      if (fault.skip > 0) {
        fault.skip--;
      } else if (fault.count > 0) {
        fault.count--;
        hit = true;
      }
    }
    if (hit) {
      throw new MemberError(
        "ERR_MEMBER_IO",
        this.name,
        `planned ${operation} fault at bytes ${startBytes} to ${endBytes}`,
      );
    }
  }

  /** Takes the written range out of the faults that last until they are overwritten. */
  #remap(startBytes: number, endBytes: number): void {
    this.#faults = this.#faults.flatMap((fault) => {
      if (!fault.untilWritten || endBytes <= fault.startBytes || startBytes >= fault.endBytes) return [fault];
      const before = { ...fault, endBytes: startBytes };
      const after = { ...fault, startBytes: endBytes };
      return [before, after].filter((rest) => rest.startBytes < rest.endBytes);
    });
  }
}
