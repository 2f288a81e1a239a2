/** A request to the array: `struct bio`. Ends when all of its segments have. */
export class Bio {
  readonly ended: Promise<void>;
  #remaining = 1;
  #end!: () => void;

  constructor() {
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** One more segment is in a stripe's hands. */
  get(): void {
    this.#remaining += 1;
  }

  /** A segment has ended, or everything is handed out (`bio_endio`). */
  put(): void {
    this.#remaining -= 1;
    if (this.#remaining === 0) this.#end();
  }
}

/** The part of a request that lies in one block of one stripe. */
export interface BioSegment {
  readonly bio: Bio;
  /** The request's memory. */
  readonly memory: Uint8Array;
  readonly memoryOffset: number;
  readonly pageOffset: number;
  readonly lengthBytes: number;
}
