import type { MemberDevice, MemoryMember } from "../index.js";
import { vectorBytes } from "../member/vector.js";

/** What a member was asked to do. */
export interface MemberCall {
  readonly operation: "read" | "write" | "discard";
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** A member that writes down its calls, and carries them out only when it is let go. */
export class RecordingMember implements MemberDevice {
  readonly calls: MemberCall[] = [];
  readonly #inner: MemoryMember;
  #gate: Promise<void> = Promise.resolve();

  constructor(inner: MemoryMember) {
    this.#inner = inner;
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

  /** Holds every call back from now on, until the returned function is called. */
  hold(): () => void {
    let open = (): void => {};
    this.#gate = new Promise((resolve) => {
      open = resolve;
    });
    return open;
  }

  read(offsetBytes: number, into: Uint8Array): Promise<void> {
    return this.#do("read", offsetBytes, into.length, () => this.#inner.read(offsetBytes, into));
  }

  write(offsetBytes: number, from: Uint8Array): Promise<void> {
    return this.#do("write", offsetBytes, from.length, () => this.#inner.write(offsetBytes, from));
  }

  readVector(offsetBytes: number, into: readonly Uint8Array[]): Promise<void> {
    return this.#do("read", offsetBytes, vectorBytes(into), () => this.#inner.readVector(offsetBytes, into));
  }

  writeVector(offsetBytes: number, from: readonly Uint8Array[]): Promise<void> {
    return this.#do("write", offsetBytes, vectorBytes(from), () =>
      this.#inner.writeVector(offsetBytes, from),
    );
  }

  discard(offsetBytes: number, lengthBytes: number): Promise<void> {
    return this.#do("discard", offsetBytes, lengthBytes, () => this.#inner.discard(offsetBytes, lengthBytes));
  }

  async flush(): Promise<void> {
    await this.#inner.flush();
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }

  async #do(
    operation: MemberCall["operation"],
    offsetBytes: number,
    lengthBytes: number,
    task: () => Promise<void>,
  ): Promise<void> {
    this.calls.push({ operation, offsetBytes, lengthBytes });
    await this.#gate;
    await task();
  }
}
