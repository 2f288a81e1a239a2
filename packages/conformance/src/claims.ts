import type { DmaDriver, DmaOperation } from "@dmaengine/core";

/** What a driver may claim: an operation, or that descriptors can be submitted again. */
export type Claim = DmaOperation | "descriptorReuse";

/**
 * What a driver claims, before anything is checked; null where it takes its time to say, or fails. Then each case finds out by itself.
 */
export function claimsOf(make: () => DmaDriver | Promise<DmaDriver>): ReadonlySet<Claim> | null {
  try {
    const driver = make();
    if (isPromise(driver)) return null;
    const definitions = driver.probe();
    if (isPromise(definitions)) {
      definitions.then(() => driver.remove?.()).catch(() => {});
      return null;
    }
    Promise.resolve(driver.remove?.()).catch(() => {});
    return new Set(
      definitions.flatMap(({ capabilities, descriptorReuse }) => [
        ...(Object.keys(capabilities) as DmaOperation[]),
        ...(descriptorReuse === true ? (["descriptorReuse"] as const) : []),
      ]),
    );
  } catch {
    return null;
  }
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as { then?: unknown }).then === "function";
}
