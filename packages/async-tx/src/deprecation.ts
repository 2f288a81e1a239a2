/** Node's own, where there is one: this package also runs where there isn't. */
interface Host {
  readonly process?: {
    readonly emitWarning?: (message: string, options: { type: string; code: string }) => void;
  };
}

/** Where the process remembers that it was warned, whichever of two installed copies of this package did it. */
const WARNED = Symbol.for("@dmaengine/async-tx.warned");

/** The code of the warning, for `--disable-warning=DMAENGINE_DEP_ASYNC_TX`. */
const CODE = "DMAENGINE_DEP_ASYNC_TX";
const MESSAGE =
  "@dmaengine/async-tx is deprecated: it maps the same memory more than once at a time, and hides engines from their clients. " +
  "Use channels of @dmaengine/core, or @dmaengine/raid456; docs/migrating-from-async-tx.md shows each call and what to write instead.";

/** Warns, once in a process. */
export function warnDeprecated(): void {
  const host = globalThis as Host & { [WARNED]?: true };
  if (host[WARNED] === true) return;
  host[WARNED] = true;
  if (host.process?.emitWarning !== undefined) {
    host.process.emitWarning(MESSAGE, { type: "DeprecationWarning", code: CODE });
  } else console.warn(`[${CODE}] DeprecationWarning: ${MESSAGE}`);
}
