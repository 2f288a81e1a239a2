/** The signals of a request line: `DMACBREQ`, `DMACSREQ`, `DMACLBREQ`, `DMACLSREQ`. */
export const BREQ = 1 << 0;
export const SREQ = 1 << 1;
export const LBREQ = 1 << 2;
export const LSREQ = 1 << 3;

/** The request signals from one peripheral to the controller. */
export class DmaRequestLine {
  #levels = 0;
  #changed: (() => void) | null = null;

  /** The signals that are up: {@link BREQ}, {@link SREQ}, {@link LBREQ}, {@link LSREQ}. */
  get levels(): number {
    return this.#levels;
  }

  /** The controller's end. */
  connect(changed: (() => void) | null): void {
    this.#changed = changed;
  }

  /** The peripheral's end. */
  drive(levels: number): void {
    if (levels === this.#levels) return;
    this.#levels = levels;
    this.#changed?.();
  }

  /** Puts the signals back as they were at another time, and tells nobody. */
  restore(levels: number): void {
    this.#levels = levels;
  }
}
