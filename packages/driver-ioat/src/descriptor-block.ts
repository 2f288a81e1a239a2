import type { CoherentMemory, DmaAddr } from "@dmaengine/core/driver";

const HIGH_HALF = 2 ** 32;

/** A piece of coherent memory that the hardware reads field by field: 64 bits each, little-endian. */
export class DescriptorBlock {
  /** Its bus address. */
  readonly addr: DmaAddr;
  protected readonly view: DataView;

  /** The block of `sizeBytes` that begins at byte `offsetBytes` of `memory`. */
  constructor(memory: CoherentMemory, offsetBytes: number, sizeBytes: number) {
    const { buffer, byteOffset } = memory.bytes;
    this.addr = memory.dmaAddr + offsetBytes;
    this.view = new DataView(buffer, byteOffset + offsetBytes, sizeBytes);
  }

  setAddress(field: number, addr: DmaAddr): void {
    this.view.setUint32(8 * field, addr % HIGH_HALF, true);
    this.view.setUint32(8 * field + 4, addr / HIGH_HALF, true);
  }

  /** Sets byte `n` of a field. */
  setByte(field: number, n: number, value: number): void {
    this.view.setUint8(8 * field + n, value);
  }

  /** Sets all bytes of a field alike. */
  fillField(field: number, value: number): void {
    const word = Math.imul(value, 0x0101_0101) >>> 0;
    this.view.setUint32(8 * field, word, true);
    this.view.setUint32(8 * field + 4, word, true);
  }
}
