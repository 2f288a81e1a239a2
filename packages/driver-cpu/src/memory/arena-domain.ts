import { AddressSpace, type DmaAddr, type DmaDirection, type DmaDomain } from "@dmaengine/core/driver";
import type { Arenas } from "./arenas.js";

/**
 * How the inline engine reaches memory: all of it, as it runs in the client's own thread. But arithmetic happens in linear memory, so
 * operands that lie elsewhere pass through a staging area while an operation runs. That is counted as bounced. A copy or a fill
 * works on any memory where it is.
 */
export class ArenaDomain implements DmaDomain {
  readonly name: string;
  readonly space = new AddressSpace();
  readonly #arenas: Arenas;

  constructor(name: string, arenas: Arenas) {
    this.name = name;
    this.#arenas = arenas;
  }

  get bouncedBytes(): number {
    return this.#arenas.bouncedBytes;
  }

  map(memory: Uint8Array, offsetBytes: number, _lengthBytes: number, _direction: DmaDirection): DmaAddr {
    return this.space.map(memory, offsetBytes);
  }

  unmap(addr: DmaAddr, _lengthBytes: number, _direction: DmaDirection): void {
    this.space.unmap(addr);
  }

  syncForCpu(): void {}
  syncForDevice(): void {}

  alloc(sizeBytes: number, alignBytes: number): Uint8Array {
    return this.#arenas.alloc(sizeBytes, alignBytes);
  }

  free(memory: Uint8Array): void {
    this.#arenas.free(memory);
  }
}
