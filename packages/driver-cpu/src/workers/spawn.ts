/** What a worker is to do: `run(ring, ringSize)` of the module, over the memory. */
export interface WorkerTask {
  readonly module: WebAssembly.Module;
  /** Shared between threads. */
  readonly memory: WebAssembly.Memory;
  /** Address of its ring. */
  readonly ring: number;
  readonly ringSize: number;
}

/** A thread that carries out a task. Where `run` returns, {@link EngineWorker.terminate} was or is about to be called. */
export interface EngineWorker {
  /** Resolves when the thread is gone, and touches memory no more. */
  terminate(): Promise<void>;
}

/** Starts a thread. `died` is called, once, if it ends for whatever reason but {@link EngineWorker.terminate}. */
export type SpawnWorker = (task: WorkerTask, died: (cause: Error) => void) => EngineWorker;
