import { InvalidArgumentError } from "commander";

/** What a size may end with, in bytes: nothing, mdadm's `s` for sectors, or a unit of 1024. */
const UNIT_BYTES: Readonly<Record<string, number>> = {
  "": 1,
  s: 512,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
};

/** Reads a size from the command line, in bytes. Throws commander's InvalidArgumentError, which becomes a usage error. */
export function parseSize(text: string): number {
  const [, number, unit] = /^(\d+)([skmgt]?)$/.exec(text.toLowerCase()) ?? [];
  const bytes = Number(number) * (UNIT_BYTES[unit ?? ""] ?? Number.NaN);
  if (Number.isSafeInteger(bytes)) return bytes;
  throw new InvalidArgumentError(
    "expected a number of bytes, or one with K, M, G, T (1024) or s (512-byte sectors).",
  );
}
