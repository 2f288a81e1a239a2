import { SimError } from "./errors.js";
import { SeededRandom } from "./random.js";

/** What can go wrong in a device. What it is called at the device's door is the model's to say. */
export const FAULT_KINDS = [
  /** The bus answers an access to data with an error. */
  "busError",
  /** The descriptor that was fetched is not what the driver wrote. */
  "badDescriptor",
  /** An interrupt is not delivered. */
  "lostInterrupt",
  /** The channel stops at a descriptor and says nothing. */
  "stuckChannel",
  /** What the device writes to tell of a completion is wrong. */
  "wrongCompletion",
  /** It comes late. */
  "lateCompletion",
  /** The device is gone. */
  "unplug",
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** One fault that is going to happen. */
export interface PlannedFault {
  readonly kind: FaultKind;
  /** The unit that it happens in, as the model names it, such as "ioat0.0" for a channel. Left out: whichever comes first. */
  readonly unit?: string;
  /**
   * At which occasion, counted from 0: of a `lostInterrupt` the interrupts of that unit, of everything else the descriptors that it takes up
   * (of whichever unit, where none is named).
   */
  readonly at: number;
}

/** One fault that happened. */
export interface StruckFault {
  readonly kind: FaultKind;
  readonly unit: string;
  /** The occasion, counted from 0 in this unit. */
  readonly at: number;
}

/** How {@link FaultPlan.seeded} chooses. */
export interface SeededFaultOptions {
  /** Kinds to choose from. Default: all. */
  readonly kinds?: readonly FaultKind[];
  /** How many faults. */
  readonly count: number;
  /** They come within so many occasions of their kind. */
  readonly within: number;
}

/** How many occasions of one kind there were, by unit; "" is all units. */
type Occasions = Map<string, number>;

/**
 * The faults of a platform. The plan says what happens and when; the hardware halves ask at every occasion, and do what the fault is. Each planned
 * fault happens once.
 */
export class FaultPlan {
  readonly #planned = new Map<FaultKind, PlannedFault[]>();
  readonly #occasions = new Map<FaultKind, Occasions>();
  readonly #struck: StruckFault[] = [];
  readonly #onStrike: ((fault: StruckFault) => void) | undefined;

  /**
   * `onStrike` hears of each fault when it happens, from within the device: an application takes the driver of an unplugged device out there.
   * Throws `ERR_SIM_FAULT` for a position that is no whole number from 0.
   */
  constructor(planned: readonly PlannedFault[] = [], onStrike?: (fault: StruckFault) => void) {
    for (const fault of planned) {
      if (!(Number.isSafeInteger(fault.at) && fault.at >= 0)) {
        throw new SimError(
          "ERR_SIM_FAULT",
          `${fault.kind}: expected a position counted from 0, got ${fault.at}`,
        );
      }
      const ofKind = this.#planned.get(fault.kind);
      if (ofKind === undefined) this.#planned.set(fault.kind, [fault]);
      else ofKind.push(fault);
      this.#occasions.set(fault.kind, new Map());
    }
    this.#onStrike = onStrike;
  }

  /** The plan that a seed gives: the same seed and options, the same faults. */
  static seeded(
    seed: number,
    { kinds = FAULT_KINDS, count, within }: SeededFaultOptions,
    onStrike?: (fault: StruckFault) => void,
  ): FaultPlan {
    const random = new SeededRandom(seed);
    const planned = Array.from({ length: count }, (): PlannedFault => {
      const kind = kinds[random.below(kinds.length)] as FaultKind;
      return { kind, at: random.below(within) };
    });
    return new FaultPlan(planned, onStrike);
  }

  /**
   * A plan that differs from seed to seed in kind, too: some kinds don't occur at all, and there may be nothing, or up to six faults within the
   * first 60 occasions. For schedules.
   */
  static swarm(seed: number): FaultPlan {
    const random = new SeededRandom(seed);
    const kinds = FAULT_KINDS.filter(() => random.below(2) === 0);
    const count = kinds.length === 0 ? 0 : random.below(7);
    return FaultPlan.seeded(random.below(2 ** 32), { kinds, count, within: 1 + random.below(60) });
  }

  /** What has happened so far. */
  get struck(): readonly StruckFault[] {
    return this.#struck;
  }

  /** What is still to come. */
  get pending(): readonly PlannedFault[] {
    return [...this.#planned.values()].flat();
  }

  /** Drops what is still to come: from here on nothing goes wrong any more. */
  clear(): void {
    this.#planned.clear();
  }

  /** For hardware halves: here is an occasion for a fault of this kind in this unit. Does it happen? */
  strikes(kind: FaultKind, unit: string): boolean {
    const planned = this.#planned.get(kind);
    const occasions = this.#occasions.get(kind);
    // Nothing of this kind was ever planned.
    if (planned === undefined || occasions === undefined) return false;
    const at = count(occasions, unit);
    const atAll = count(occasions, "");
    const n = planned.findIndex((fault) =>
      fault.unit === undefined ? fault.at === atAll : fault.unit === unit && fault.at === at,
    );
    if (n < 0) return false;
    planned.splice(n, 1);
    const struck: StruckFault = { kind, unit, at };
    this.#struck.push(struck);
    this.#onStrike?.(struck);
    return true;
  }

  /** Notes how far the plan has come, and returns what puts it back there. */
  capture(): () => void {
    const planned = [...this.#planned].map(([kind, faults]) => [kind, [...faults]] as const);
    const seen = [...this.#occasions].map(([kind, occasions]) => [kind, new Map(occasions)] as const);
    const struck = [...this.#struck];
    return () => {
      for (const [kind, faults] of planned) this.#planned.set(kind, [...faults]);
      for (const [kind, counts] of seen) this.#occasions.set(kind, new Map(counts));
      this.#struck.splice(0, this.#struck.length, ...struck);
    };
  }
}

/** Counts an occasion, and tells its number. */
function count(occasions: Occasions, unit: string): number {
  const at = occasions.get(unit) ?? 0;
  occasions.set(unit, at + 1);
  return at;
}
