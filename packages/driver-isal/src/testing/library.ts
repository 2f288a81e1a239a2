import { env } from "node:process";
import { isal } from "../isal.js";

/** Why tests that need the library can't run here; undefined where they can. */
export const missing: string | undefined = await Promise.resolve(isal().probe()).then(
  () => undefined,
  (error: Error) => error.message,
);

/** The title of a suite that needs the library, with the reason where it is skipped. */
export function titled(title: string): string {
  return missing === undefined ? title : `${title} (${missing})`;
}

// CI installs the library, so that a run there without it is no success.
if (missing !== undefined && env["DMAENGINE_REQUIRE_LINUX"] === "1") throw new Error(missing);
