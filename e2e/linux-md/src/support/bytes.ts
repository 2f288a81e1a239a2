import { createHash } from "node:crypto";

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Where two byte strings begin to differ, in words; undefined when they are the same. */
export function firstDifference(actual: Buffer, expected: Buffer): string | undefined {
  if (actual.length !== expected.length) {
    return `${actual.length} bytes instead of ${expected.length}`;
  }
  if (actual.equals(expected)) {
    return undefined;
  }
  const at = actual.findIndex((byte, index) => byte !== expected[index]);
  return `byte ${at} is ${actual[at]} instead of ${expected[at]}`;
}
