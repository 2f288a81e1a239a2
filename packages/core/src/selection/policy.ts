/** A channel among which a policy chooses. */
export interface Candidate {
  /** `dma<device>chan<n>`. */
  readonly name: string;
  /** Transactions in flight on it, whoever submitted them. */
  readonly inFlight: number;
}

/** How a pool chooses among channels that can all do an operation. */
export interface SelectionPolicy {
  /** For explanations: "takes it: <name>". */
  readonly name: string;
  /** One of the candidates, of which there is at least one. `explain()` asks too, so asking must not change the answer. */
  choose<C extends Candidate>(candidates: readonly C[], lengthBytes: number): C;
  /** The candidate was given an operation. */
  taken?(candidate: Candidate, lengthBytes: number): void;
  /** The candidate has done it, successfully, in so many nanoseconds of {@link now}. */
  ended?(candidate: Candidate, lengthBytes: number, nanos: number): void;
  /** The clock by which operations are timed, in nanoseconds. Needed with {@link ended}. */
  now?(): number;
}

/** Each channel in turn. */
export function roundRobin(): SelectionPolicy {
  /** When each channel had its last turn. */
  const turns = new Map<string, number>();
  let turn = 0;
  return {
    name: "round robin",
    choose: (candidates) => best(candidates, ({ name }) => turns.get(name) ?? 0),
    taken({ name }) {
      turn += 1;
      turns.set(name, turn);
    },
  };
}

/** The channel with the fewest transactions in flight. */
export function leastLoaded(): SelectionPolicy {
  return {
    name: "least loaded",
    choose: (candidates) => best(candidates, (candidate) => candidate.inFlight),
  };
}

/** Options of {@link measured}. */
export interface MeasuredOptions {
  /** The clock, in nanoseconds. Default: the host's `performance.now()`. */
  readonly now?: () => number;
  /** Every so many operations of a size, the channel that was measured longest ago is tried again. Default 64. */
  readonly exploreEvery?: number;
}

/** How much a new measurement counts against all earlier ones. */
const WEIGHT = 1 / 8;

interface Measurement {
  nanosPerByte: number;
  /** The operation at which it was last updated. */
  at: number;
}

/**
 * The channel with the highest throughput, as measured for operations of about the same size (each power of two by itself), waiting
 * times included. Channels without a measurement come first.
 */
export function measured(options: MeasuredOptions = {}): SelectionPolicy {
  const { now = () => performance.now() * 1e6, exploreEvery = 64 } = options;
  const measurements = new Map<string, Measurement>();
  /** Operations given out, by size. */
  const given = new Map<number, number>();
  const keyOf = (candidate: Candidate, size: number): string => `${candidate.name} ${size}`;
  return {
    name: "measured throughput",
    now,
    choose(candidates, lengthBytes) {
      const size = sizeClass(lengthBytes);
      const explores = ((given.get(size) ?? 0) + 1) % exploreEvery === 0;
      return best(candidates, (candidate) => {
        const measurement = measurements.get(keyOf(candidate, size));
        if (measurement === undefined) return -1;
        return explores ? measurement.at : measurement.nanosPerByte;
      });
    },
    taken(_candidate, lengthBytes) {
      const size = sizeClass(lengthBytes);
      given.set(size, (given.get(size) ?? 0) + 1);
    },
    ended(candidate, lengthBytes, nanos) {
      const size = sizeClass(lengthBytes);
      const key = keyOf(candidate, size);
      const nanosPerByte = nanos / Math.max(1, lengthBytes);
      const at = given.get(size) ?? 0;
      const measurement = measurements.get(key);
      if (measurement === undefined) measurements.set(key, { nanosPerByte, at });
      else {
        measurement.nanosPerByte += (nanosPerByte - measurement.nanosPerByte) * WEIGHT;
        measurement.at = at;
      }
    },
  };
}

function sizeClass(lengthBytes: number): number {
  return Math.floor(Math.log2(Math.max(1, lengthBytes)));
}

/** The candidate with the lowest cost; the first of equals. */
function best<C extends Candidate>(candidates: readonly C[], cost: (candidate: C) => number): C {
  let found = candidates[0] as C;
  let lowest = cost(found);
  for (const candidate of candidates) {
    const its = cost(candidate);
    if (its >= lowest) continue;
    found = candidate;
    lowest = its;
  }
  return found;
}
