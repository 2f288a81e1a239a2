import { SimError } from "./errors.js";

/**
 * How time passes.
 *
 * - `"free"`: by itself. Events run in microtasks, one in each, so every `await` lets time pass.
 * - `"stepped"`: only when a test says so with `advance`, `stepTo` or `runNext`.
 */
export type ClockMode = "free" | "stepped";

const NOT_PENDING = -1;

/**
 * Something that can happen at a time. Make it once and schedule it again and again: that allocates nothing.
 * The fields beside `run` belong to the clock.
 */
export class ClockEvent {
  /** What happens. Runs with the clock at the time that the event was scheduled for. */
  readonly run: () => void;
  /** @internal */
  dueNanos = 0;
  /** @internal Order of scheduling: decides between events of the same time. */
  sequence = 0;
  /** @internal Place in the clock's heap. */
  position = NOT_PENDING;

  constructor(run: () => void) {
    this.run = run;
  }

  /** Whether it is scheduled and has not run yet. */
  get pending(): boolean {
    return this.position !== NOT_PENDING;
  }
}

/** Waits of clients in stepped mode: settled when the clock has moved. */
interface Moved {
  readonly promise: Promise<boolean>;
  resolve(alive: boolean): void;
}

/**
 * Virtual time in whole nanoseconds, from 0. Nothing in a simulation looks at real time; the same calls give the same times.
 * Events of the same time run in the order in which they were scheduled.
 */
export class VirtualClock {
  readonly mode: ClockMode;
  #nowNanos = 0;
  #sequence = 0;
  /** A binary heap: the earliest event is at 0, the children of n are at 2n + 1 and 2n + 2. */
  readonly #heap: ClockEvent[] = [];
  #running = false;
  /** How far in the future whoever schedules something is: nobody, unless a {@link CpuLane} says so. */
  #lagNanos: () => number = () => 0;
  #pumpQueued = false;
  readonly #pump = (): void => {
    this.#pumpQueued = false;
    try {
      this.runNext();
    } finally {
      this.#queuePump();
    }
  };
  #moved: Moved | null = null;

  constructor(mode: ClockMode) {
    this.mode = mode;
  }

  /** The time now. */
  get nowNanos(): number {
    return this.#nowNanos;
  }

  /** Whether an event runs at this moment. */
  get running(): boolean {
    return this.#running;
  }

  /** From now on `lagNanos()` is added to the delay of what is scheduled. */
  setLag(lagNanos: () => number): void {
    this.#lagNanos = lagNanos;
  }

  /** How many events are scheduled. 0: nothing will ever happen by itself. */
  get pendingEvents(): number {
    return this.#heap.length;
  }

  /**
   * Schedules `event` for `delayNanos` from now; 0 is later than whatever runs now, and after everything scheduled for now already.
   * Throws `ERR_SIM_CLOCK` when it is pending already, or the delay is not a whole number from 0.
   */
  schedule(delayNanos: number, event: ClockEvent): void {
    if (!(Number.isSafeInteger(delayNanos) && delayNanos >= 0)) {
      throw new SimError(
        "ERR_SIM_CLOCK",
        `expected a delay in whole nanoseconds from 0 on, got ${delayNanos}`,
      );
    }
    if (event.pending) {
      throw new SimError(
        "ERR_SIM_CLOCK",
        `the event is scheduled for ${event.dueNanos} ns already: cancel it first, or use another event`,
      );
    }
    event.dueNanos = this.#nowNanos + this.#lagNanos() + delayNanos;
    event.sequence = this.#sequence++;
    this.#heap.push(event);
    this.#rise(event, this.#heap.length - 1);
    if (this.mode === "free") this.#queuePump();
  }

  /** Takes a scheduled event back; harmless when it is not pending. */
  cancel(event: ClockEvent): void {
    const hole = event.position;
    if (hole === NOT_PENDING) return;
    event.position = NOT_PENDING;
    const last = this.#heap.pop() as ClockEvent;
    if (last === event) return;
    this.#sink(last, hole);
    this.#rise(last, last.position);
  }

  /** Moves to the next event and runs it. False when there is none. */
  runNext(): boolean {
    const ran = this.#runFirst();
    this.#tellMoved();
    return ran;
  }

  /** Lets `nanos` pass: runs everything that falls due meanwhile. */
  advance(nanos: number): void {
    this.stepTo(this.#nowNanos + nanos);
  }

  /** Lets time pass until `timeNanos`: runs everything that falls due up to then, that time included. */
  stepTo(timeNanos: number): void {
    if (!(Number.isSafeInteger(timeNanos) && timeNanos >= this.#nowNanos)) {
      throw new SimError(
        "ERR_SIM_CLOCK",
        `expected a time in whole nanoseconds, not before ${this.#nowNanos} (now), got ${timeNanos}`,
      );
    }
    for (let next = this.#heap[0]; next !== undefined && next.dueNanos <= timeNanos; next = this.#heap[0]) {
      this.#runFirst();
    }
    this.#nowNanos = timeNanos;
    this.#tellMoved();
  }

  /**
   * What a driver does on behalf of a client that waits: lets time pass until `isOver()`. Free-running, events run at once and the
   * answer is there on return; stepped, the answer comes after the test has moved the clock, and `isOver()` may need more steps.
   * False when nothing is scheduled, so that waiting longer is of no use.
   */
  relax(isOver: () => boolean): boolean | Promise<boolean> {
    if (this.mode === "free") {
      while (!isOver()) if (!this.#runFirst()) return false;
      return true;
    }
    if (isOver()) return true;
    if (this.#heap.length === 0) return false;
    this.#moved ??= newMoved();
    return this.#moved.promise;
  }

  /** Notes the time and what is scheduled, and returns what puts it back. */
  capture(): () => void {
    const nowNanos = this.#nowNanos;
    const sequence = this.#sequence;
    const scheduled = this.#heap.map((event) => ({
      event,
      dueNanos: event.dueNanos,
      sequence: event.sequence,
    }));
    return () => {
      for (const event of this.#heap) event.position = NOT_PENDING;
      this.#nowNanos = nowNanos;
      this.#sequence = sequence;
      this.#heap.length = 0;
      scheduled.forEach(({ event, ...when }, position) => {
        Object.assign(event, when, { position });
        this.#heap.push(event);
      });
      if (this.mode === "free") this.#queuePump();
    };
  }

  #runFirst(): boolean {
    const event = this.#heap[0];
    if (event === undefined) return false;
    this.cancel(event);
    this.#nowNanos = event.dueNanos;
    this.#running = true;
    try {
      event.run();
    } finally {
      this.#running = false;
    }
    return true;
  }

  #queuePump(): void {
    if (this.#pumpQueued || this.#heap.length === 0) return;
    this.#pumpQueued = true;
    queueMicrotask(this.#pump);
  }

  #tellMoved(): void {
    const moved = this.#moved;
    this.#moved = null;
    moved?.resolve(true);
  }

  /** Puts `event` at `position` or further up, where it belongs. */
  #rise(event: ClockEvent, position: number): void {
    const heap = this.#heap;
    while (position > 0) {
      const above = (position - 1) >>> 1;
      const parent = heap[above] as ClockEvent;
      if (!isBefore(event, parent)) break;
      heap[position] = parent;
      parent.position = position;
      position = above;
    }
    heap[position] = event;
    event.position = position;
  }

  /** Puts `event` at `position` or further down, where it belongs. */
  #sink(event: ClockEvent, position: number): void {
    const heap = this.#heap;
    for (;;) {
      let below = 2 * position + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1] as ClockEvent, heap[below] as ClockEvent)) {
        below += 1;
      }
      const child = heap[below] as ClockEvent;
      if (!isBefore(child, event)) break;
      heap[position] = child;
      child.position = position;
      position = below;
    }
    heap[position] = event;
    event.position = position;
  }
}

function isBefore(a: ClockEvent, b: ClockEvent): boolean {
  return a.dueNanos < b.dueNanos || (a.dueNanos === b.dueNanos && a.sequence < b.sequence);
}

function newMoved(): Moved {
  let resolve!: (alive: boolean) => void;
  const promise = new Promise<boolean>((onResolve) => {
    resolve = onResolve;
  });
  return { promise, resolve };
}
