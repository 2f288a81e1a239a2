import type { DmaChecker } from "./mapping/checker/checker.js";
import type { UnmapPools } from "./mapping/unmap-data.js";
import type { DmaTraceEvent } from "./trace.js";

/** What an engine instance shares with its devices and channels. */
export interface EngineContext {
  readonly pools: UnmapPools;
  /** Null: nothing is checked. */
  readonly checker: DmaChecker | null;
  /** Null: nobody listens. */
  readonly trace: ((event: DmaTraceEvent) => void) | null;
  /** How long `syncWait` waits, in milliseconds of real time. */
  readonly syncWaitMillis: number;
  /** Gets errors for which no caller is on the stack who could take them. */
  readonly uncaught: (error: unknown) => void;
}
