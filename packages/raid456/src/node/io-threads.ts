import { env } from "node:process";
import { getSystemErrorMap } from "node:util";
import { Worker } from "node:worker_threads";
import { IoRing, MAX_PIECES, type RingTransfer } from "./io-ring.js";

/** Node has as many for the same, unless the environment's `UV_THREADPOOL_SIZE` says otherwise. */
const DEFAULT_THREADS = 4;
const MAX_THREADS = 64;
/** How many times as many there are for direct I/O. */
const DIRECT_TIMES = 2;
/**
 * Threads get a buffer when so many transfers have used it, and are started with the first one: a program that reads a superblock needs none, and they
 * don't let go of what they have, so memory that is used once or twice is left to Node.
 */
export const TRANSFERS_TO_SHARE = 32;
/** Most buffers that they get, and how long those are at most: places in them are 32-bit numbers in the ring, and Node takes no 2 GiB at once. */
const MAX_BUFFERS = 4096;
const MAX_BUFFER_BYTES = 2 ** 31 - 1;
/** How many turns of the event loop without any completion the client goes on looking for, before it sleeps. */
const EMPTY_TURNS = 2;

/** A buffer that transfers have used, and the number by which threads know it; negative as long as they don't. */
interface UsedBuffer {
  transfers: number;
  number: number;
}

/** A transfer, and who wants to know how it has ended. */
export interface IoRequest extends RingTransfer {
  /** So many bytes were transferred: as from preadv and pwritev, they may be fewer than there are, and are 0 where the file ends. */
  ended(bytes: number): void;
  failed(error: unknown): void;
}

/**
 * Threads that read and write files. A transfer is handed over in shared memory and looked for there, so it costs neither a message nor, as
 * long as there is more to do, a system call beside the one that does it.
 *
 * They reach memory on a `SharedArrayBuffer` only, as that of `device.alloc()` of software engines, and only buffers that are used again and again: those
 * stay in memory as long as the threads live. They don't keep the process alive, but transfers do.
 */
export class IoThreads {
  static #cached: IoThreads | null = null;
  static #direct: IoThreads | null = null;
  readonly #count: number;
  readonly #ring = new IoRing();
  readonly #workers: Worker[] = [];
  #state: "idle" | "starting" | "running" | "failed" = "idle";
  readonly #buffers = new WeakMap<ArrayBufferLike, UsedBuffer>();
  #shared = 0;
  /** Those in the ring, by their first slot. */
  readonly #open: (IoRequest | undefined)[] = [];
  #inFlight = 0;
  /** Those that the ring has no room for. */
  readonly #waiting: IoRequest[] = [];
  #polling = false;
  #emptyTurns = 0;
  readonly #numberOf = (buffer: ArrayBufferLike): number => (this.#buffers.get(buffer) as UsedBuffer).number;
  readonly #poll = (): void => this.#lookForEnds();

  /** @param count - how many transfers can be under way at a time */
  constructor(count: number) {
    this.#count = count;
  }

  /** Those that all files of the process share, for what goes through the page cache: it keeps processors busy. */
  static get cached(): IoThreads {
    IoThreads.#cached ??= new IoThreads(usualCount());
    return IoThreads.#cached;
  }

  /** Those for what goes past it: they wait for devices, which want more to do than there are processors. */
  static get direct(): IoThreads {
    IoThreads.#direct ??= new IoThreads(usualCount() * DIRECT_TIMES);
    return IoThreads.#direct;
  }

  /** Starts the threads. Resolves when the first one is there. */
  async start(): Promise<void> {
    if (this.#state !== "idle") return;
    this.#state = "starting";
    for (let i = 0; i < this.#count; i++) this.#workers.push(this.#spawn());
    // It says so itself: it may end before it comes to that.
    await Promise.race(this.#workers.map((worker) => new Promise((ready) => worker.once("message", ready))));
    if (this.#state === "starting") this.#state = "running";
  }

  /** Whether a transfer can be left to the threads: they run, and have all of its memory. */
  takes(vector: readonly Uint8Array[]): boolean {
    if (vector.length > MAX_PIECES) return false;
    let before: ArrayBufferLike | null = null;
    let reached = true;
    for (const { buffer } of vector) {
      if (buffer !== before) reached = this.#has(buffer) && reached;
      before = buffer;
    }
    return reached && this.#state === "running";
  }

  /** Reads or writes memory that {@link takes} has agreed to. */
  transfer(request: IoRequest): void {
    if (this.#waiting.length === 0 && this.#ring.hasRoom(request.vector.length)) this.#submit(request);
    else this.#waiting.push(request);
  }

  #submit(request: IoRequest): void {
    this.#open[this.#ring.submit(request, this.#numberOf)] = request;
    this.#inFlight += 1;
    if (this.#polling) return;
    this.#polling = true;
    setImmediate(this.#poll);
  }

  /** Whether threads have a buffer. Shares it with them when it is time for that. */
  #has(buffer: ArrayBufferLike): boolean {
    const used = this.#buffers.get(buffer);
    if (used === undefined) {
      const canBeShared = buffer instanceof SharedArrayBuffer && buffer.byteLength <= MAX_BUFFER_BYTES;
      if (canBeShared) this.#buffers.set(buffer, { transfers: 1, number: -1 });
      return false;
    }
    used.transfers += 1;
    if (used.number < 0 && used.transfers > TRANSFERS_TO_SHARE && this.#shared < MAX_BUFFERS) {
      used.number = this.#shared++;
      void this.start();
      // They find it before the first slot that names it.
      for (const worker of this.#workers) worker.postMessage({ number: used.number, buffer });
    }
    return used.number >= 0;
  }

  #lookForEnds(): void {
    if (this.#reapAll()) this.#emptyTurns = 0;
    else this.#emptyTurns += 1;
    if (this.#inFlight === 0) {
      this.#polling = false;
    } else if (this.#emptyTurns < EMPTY_TURNS) {
      setImmediate(this.#poll);
    } else {
      void this.#sleep();
    }
  }

  async #sleep(): Promise<void> {
    // Somebody has to keep the process alive.
    this.#workers[0]?.ref();
    await this.#ring.sleep();
    this.#workers[0]?.unref();
    this.#emptyTurns = 0;
    this.#lookForEnds();
  }

  /** Whether anything has ended. */
  #reapAll(): boolean {
    const ring = this.#ring;
    const before = this.#inFlight;
    for (let first = ring.reap(); first >= 0; first = ring.reap()) {
      const request = this.#open[first] as IoRequest;
      this.#open[first] = undefined;
      this.#inFlight -= 1;
      const result = ring.result(first);
      ring.forget(first);
      if (result >= 0) request.ended(result);
      else request.failed(systemError(result));
    }
    const some = this.#inFlight < before;
    if (some) this.#submitWaiting();
    return some;
  }

  #submitWaiting(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (!this.#ring.hasRoom(next.vector.length)) return;
      this.#waiting.shift();
      this.#submit(next);
    }
  }

  #spawn(): Worker {
    const worker = new Worker(new URL("./io-thread.js", import.meta.url), {
      workerData: this.#ring.task(),
      execArgv: [],
      env: {},
    });
    worker.unref();
    let cause: Error | undefined;
    worker.on("error", (error) => {
      cause = error;
    });
    worker.on("exit", () => void this.#fail(cause));
    return worker;
  }

  /** A thread has died. What the others are doing with anybody's memory has to be over before anything is told. */
  async #fail(cause: Error | undefined): Promise<void> {
    this.#state = "failed";
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
    const lost = this.#waiting.splice(0);
    this.#reapAll();
    const error = new Error("a thread for reading and writing has died", { cause });
    for (const request of [...this.#open, ...lost]) request?.failed(error);
    this.#open.length = 0;
    this.#inFlight = 0;
    this.#ring.wake();
  }
}

function usualCount(): number {
  const { UV_THREADPOOL_SIZE } = env;
  const count = Math.floor(Number(UV_THREADPOOL_SIZE));
  return count > 0 ? Math.min(count, MAX_THREADS) : DEFAULT_THREADS;
}

/** An error like those of Node's own calls. */
function systemError(errno: number): Error {
  const [code, message] = getSystemErrorMap().get(errno) ?? ["EIO", "i/o error"];
  return Object.assign(new Error(`${code}: ${message}`), { code, errno });
}
