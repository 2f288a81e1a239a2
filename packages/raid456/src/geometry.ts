import { RaidError } from "./errors.js";
import { defaultLayout, parityDisks, type RaidLevel, type StripeRow, stripeRow } from "./layout.js";

/** What makes an array's geometry. */
export interface GeometryOptions {
  readonly level: RaidLevel;
  /** Number of slots. */
  readonly raidDisks: number;
  /** Bytes of one chunk: a power of two, 4096 at least. */
  readonly chunkBytes: number;
  /** md's algorithm number. Default: left-symmetric, for RAID-4 0. */
  readonly layout?: number;
  /** Bytes of each member that the array uses; rounded down to a chunk. */
  readonly memberBytes: number;
}

/** Smallest number of slots of each level (drivers/md/raid5.c; mdadm). */
const MIN_DISKS: Readonly<Record<RaidLevel, number>> = { 4: 2, 5: 2, 6: 4 };
/** More data members would share a coefficient in Q: GF(2^8) has 255 different ones. */
const MAX_DISKS = 255;
/** md's unit: a chunk is a multiple of the page. */
const MIN_CHUNK_BYTES = 4096;

/** Where an array byte is. */
export interface ChunkLocation {
  /** Stripe number. */
  readonly stripe: number;
  /** Index of the data chunk in the stripe. */
  readonly index: number;
  /** Offset within the chunk, in bytes. */
  readonly offset: number;
}

/** The geometry of an array: sizes, and which bytes are where. */
export class Geometry {
  readonly level: RaidLevel;
  readonly raidDisks: number;
  readonly parityDisks: 1 | 2;
  readonly dataDisks: number;
  readonly chunkBytes: number;
  readonly layout: number;
  /** Bytes of each member that the array uses, a multiple of the chunk. */
  readonly memberBytes: number;
  readonly stripes: number;
  readonly arrayBytes: number;
  /** Array bytes of one stripe: writing a multiple of this, aligned to it, needs no reading. */
  readonly stripeDataBytes: number;
  /** Rows seen so far. They repeat after `n * (n - 1)` stripes: every layout counts stripes modulo `n` or `n - 1`. */
  readonly #rows: (StripeRow | undefined)[] = [];

  constructor(options: GeometryOptions) {
    const { level, raidDisks, chunkBytes } = options;
    check(
      Number.isInteger(raidDisks) && raidDisks >= MIN_DISKS[level] && raidDisks <= MAX_DISKS,
      `RAID-${level} takes ${MIN_DISKS[level]} to ${MAX_DISKS} members, got ${raidDisks}`,
    );
    check(
      chunkBytes >= MIN_CHUNK_BYTES && Number.isInteger(Math.log2(chunkBytes)),
      `a chunk is a power of two of at least ${MIN_CHUNK_BYTES} bytes, got ${chunkBytes}`,
    );
    check(
      options.memberBytes >= chunkBytes,
      `a member holds one chunk of ${chunkBytes} bytes at least, got ${options.memberBytes} bytes`,
    );
    this.level = level;
    this.raidDisks = raidDisks;
    this.parityDisks = parityDisks(level);
    this.dataDisks = raidDisks - this.parityDisks;
    this.chunkBytes = chunkBytes;
    this.layout = options.layout ?? defaultLayout(level);
    this.stripes = Math.floor(options.memberBytes / chunkBytes);
    this.memberBytes = this.stripes * chunkBytes;
    this.stripeDataBytes = chunkBytes * this.dataDisks;
    this.arrayBytes = this.stripes * this.stripeDataBytes;
    // Refuses a layout that the level does not have.
    this.row(0);
  }

  /** The arrangement of a stripe. */
  row(stripe: number): StripeRow {
    const { level, layout, raidDisks } = this;
    const period = raidDisks * (raidDisks - 1);
    const known = this.#rows[stripe % period];
    if (known !== undefined) return known;
    const row = stripeRow(level, layout, raidDisks, stripe);
    this.#rows[stripe % period] = row;
    return row;
  }

  /** Where byte `arrayOffset` of the array is. */
  locate(arrayOffset: number): ChunkLocation {
    const chunk = Math.floor(arrayOffset / this.chunkBytes);
    return {
      stripe: Math.floor(chunk / this.dataDisks),
      index: chunk % this.dataDisks,
      offset: arrayOffset % this.chunkBytes,
    };
  }

  /** Refuses a range that is not within the array. */
  checkRange(arrayOffset: number, lengthBytes: number): void {
    if (
      Number.isSafeInteger(arrayOffset) &&
      Number.isSafeInteger(lengthBytes) &&
      arrayOffset >= 0 &&
      lengthBytes >= 0 &&
      arrayOffset + lengthBytes <= this.arrayBytes
    ) {
      return;
    }
    throw new RaidError(
      "ERR_RAID_RANGE",
      `expected a range within the array's ${this.arrayBytes} bytes, got ${lengthBytes} bytes at ${arrayOffset}`,
    );
  }
}

function check(condition: boolean, message: string): void {
  if (!condition) throw new RaidError("ERR_RAID_GEOMETRY", message);
}
