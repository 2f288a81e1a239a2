import { AddressSpace } from "./address-space.js";
import type { DmaDirection } from "./direction.js";
import type { DmaAddr, DmaDomain } from "./domain.js";

/**
 * A coherent domain without translation: devices reach any memory directly and caches need no care, as `dma_direct`
 * does on x86. Mapping places the buffer in {@link space}; syncs have nothing to do.
 */
export class DirectDomain implements DmaDomain {
  readonly name: string;
  readonly bouncedBytes = 0;
  /** Where the domain's devices look addresses up. */
  readonly space = new AddressSpace();

  constructor(name: string) {
    this.name = name;
  }

  map(memory: Uint8Array, offsetBytes: number, _lengthBytes: number, _direction: DmaDirection): DmaAddr {
    return this.space.map(memory, offsetBytes);
  }

  unmap(addr: DmaAddr, _lengthBytes: number, _direction: DmaDirection): void {
    this.space.unmap(addr);
  }

  syncForCpu(): void {}
  syncForDevice(): void {}
}
