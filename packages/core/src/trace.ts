import type { DmaCookie } from "./cookie.js";
import type { DmaDirection } from "./mapping/direction.js";
import type { DmaAddr } from "./mapping/domain.js";
import type { DmaTransResult } from "./status.js";

/**
 * One step of an engine instance, as its trace listener gets it: in the order in which things happen, without a time, because the listener
 * knows whose clock counts. Without a listener no event is made.
 */
export type DmaTraceEvent =
  | { readonly type: "register" | "unregister" | "remove"; readonly device: string }
  | { readonly type: "hold" | "release"; readonly channel: string; readonly client: string }
  | {
      readonly type: "submit";
      readonly channel: string;
      readonly cookie: DmaCookie;
      readonly operation: string;
      readonly lengthBytes: number;
      readonly flags: number;
    }
  | {
      readonly type: "complete";
      readonly channel: string;
      readonly cookie: DmaCookie;
      readonly operation: string;
      readonly result: DmaTransResult;
    }
  | {
      readonly type: "issue" | "interrupt" | "pause" | "resume" | "terminate";
      readonly channel: string;
    }
  | {
      readonly type: "map" | "unmap" | "syncForCpu" | "syncForDevice";
      readonly device: string;
      readonly addr: DmaAddr;
      readonly lengthBytes: number;
      readonly direction: DmaDirection;
    };
