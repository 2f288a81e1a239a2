/** A write, or a discard, which writes zeros, as the model knows it. */
export interface ModelWrite {
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** What there may be in its range if it is refused. A write may have taken effect in part, sector by sector. */
  readonly ifRefused: "old or new" | "anything";
  outcome: "in flight" | "done" | "refused";
}

/** A read that has ended, to be looked at when every write that it may have met has ended, too. */
interface Seen {
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** How many writes had been made when the read was. */
  readonly writesBefore: number;
}

/**
 * What an array may answer. It begins with zeros. Writes take effect in the order in which they were made; a read sees all that were made before it
 * and were not refused in the end, and may see those that were made while it was in flight.
 */
export class Model {
  readonly #writes: ModelWrite[] = [];
  #seen: Seen[] = [];

  /** A write begins. Its maker says how it ended in {@link ModelWrite.outcome}. */
  write(offset: number, bytes: Uint8Array, ifRefused: ModelWrite["ifRefused"] = "old or new"): ModelWrite {
    const write: ModelWrite = { offset, bytes, ifRefused, outcome: "in flight" };
    this.#writes.push(write);
    return write;
  }

  /** A read begins. What is returned takes its result. */
  read(offset: number): (bytes: Uint8Array) => void {
    const writesBefore = this.#writes.length;
    return (bytes) => this.#seen.push({ offset, bytes, writesBefore });
  }

  /** What is wrong with what was read so far; nothing may be in flight. */
  problems(): string[] {
    const problems = this.#seen.flatMap((seen) => this.#problemOf(seen) ?? []);
    this.#seen = [];
    return problems;
  }

  #problemOf({ offset, bytes, writesBefore }: Seen): string | null {
    const expected = new Uint8Array(bytes.length);
    for (const write of this.#writes.slice(0, writesBefore))
      if (write.outcome === "done") lay(write, offset, expected);
    for (let i = 0; i < bytes.length; i++) {
      if (bytes[i] === expected[i] || this.#mayBe(offset + i, bytes[i] as number, writesBefore)) continue;
      return `a read of ${bytes.length} bytes at ${offset}: byte ${offset + i} is ${bytes[i]}, expected ${expected[i]}`;
    }
    return null;
  }

  /** Whether a write that was refused, or that was made while the read was in flight, explains the byte. */
  #mayBe(at: number, value: number, writesBefore: number): boolean {
    let possible = [0];
    for (const [n, { offset, bytes, ifRefused, outcome }] of this.#writes.entries()) {
      const written = bytes[at - offset];
      if (written === undefined) continue;
      if (outcome === "refused" && ifRefused === "anything") return true;
      if (n < writesBefore && outcome === "done") possible = [written];
      else possible.push(written);
    }
    return possible.includes(value);
  }
}

/** Puts what a write has written where it meets the range that begins at `offset`. */
function lay(write: ModelWrite, offset: number, into: Uint8Array): void {
  const from = Math.max(offset, write.offset);
  const to = Math.min(offset + into.length, write.offset + write.bytes.length);
  if (from < to) into.set(write.bytes.subarray(from - write.offset, to - write.offset), from - offset);
}
