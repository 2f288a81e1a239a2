import { MdError } from "./errors.js";

/** Length of an array or device identity, in bytes. */
export const UUID_BYTES = 16;

/**
 * The text form that mdadm prints for 1.x metadata: four groups of eight hex digits, in the order of the
 * bytes.
 */
export function formatUuid(bytes: Uint8Array): string {
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/.{8}(?=.)/g, "$&:");
}

/**
 * Reads the text form of a UUID: 32 hex digits, with colons or dashes anywhere between bytes.
 *
 * @throws MdError `ERR_MD_ARGUMENT`
 */
export function parseUuid(text: string): Uint8Array {
  const bytes = text.match(/[0-9a-f]{2}/gi) ?? [];
  if (bytes.length !== UUID_BYTES || !/^[0-9a-f]{2}([:-]?[0-9a-f]{2})*$/i.test(text)) {
    throw new MdError(
      "ERR_MD_ARGUMENT",
      `"${text}" is not a UUID; expected 32 hex digits such as 10111213:14151617:18191a1b:1c1d1e1f`,
    );
  }
  return Uint8Array.from(bytes, (byte) => Number.parseInt(byte, 16));
}

/** A random identity for a new array or a new member, in text form. */
export function randomUuid(): string {
  return formatUuid(globalThis.crypto.getRandomValues(new Uint8Array(UUID_BYTES)));
}
