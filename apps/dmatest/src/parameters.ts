import { DmatestError } from "./errors.js";

/**
 * The module parameters of drivers/dma/dmatest.c with their names and defaults. `run` and `wait` are taken for what they are here: the
 * program always runs, and always waits. `test_list` is left out: what is tested is said anyway.
 */
export interface Parameters {
  /** Length of each source and destination buffer. */
  readonly test_buf_size: number;
  /** Only channels of the device with this name; "" for all. */
  readonly device: string;
  /** Only these channels; empty for all. */
  readonly channel: readonly string[];
  /** Threads for each channel and kind of operation. */
  readonly threads_per_chan: number;
  /** Most channels; 0 for all. */
  readonly max_channels: number;
  /** Tests of each thread; 0 for no end. */
  readonly iterations: number;
  /** 0: copy threads, 1: fill threads. */
  readonly dmatest: number;
  readonly xor_sources: number;
  readonly pq_sources: number;
  /** Milliseconds to wait for a callback; -1 for ever. */
  readonly timeout: number;
  /** Neither fill nor compare buffers. */
  readonly noverify: boolean;
  /** Whole buffers, no offsets. */
  readonly norandom: boolean;
  /** Report tests that pass, too. */
  readonly verbose: boolean;
  /** log2 of the alignment, in place of the device's; -1 for the device's. */
  readonly alignment: number;
  /** Length of every transfer; 0 for any. */
  readonly transfer_size: number;
  /** Poll for completion in place of a callback. */
  readonly polled: boolean;
}

const DEFAULTS: Parameters = {
  test_buf_size: 16384,
  device: "",
  channel: [],
  threads_per_chan: 1,
  max_channels: 0,
  iterations: 0,
  dmatest: 0,
  xor_sources: 3,
  pq_sources: 3,
  timeout: 3000,
  noverify: false,
  norandom: false,
  verbose: false,
  alignment: -1,
  transfer_size: 0,
  polled: false,
};

/** What a number may be; the others are 0 or more. */
const RANGES: Readonly<Record<string, readonly [min: number, max: number]>> = {
  test_buf_size: [1, 1 << 28],
  threads_per_chan: [1, 1024],
  dmatest: [0, 1],
  xor_sources: [1, 255],
  pq_sources: [1, 255],
  timeout: [-1, 0x7fff_ffff],
  alignment: [-1, 28],
};

/** For the help text: each parameter with what it means. */
export const PARAMETER_HELP: readonly (readonly [name: keyof Parameters, meaning: string])[] = [
  ["test_buf_size", "bytes of each buffer"],
  ["device", "only channels of this device"],
  ["channel", "only this channel; may be given several times"],
  ["threads_per_chan", "threads for each channel and kind of operation"],
  ["max_channels", "most channels, 0 = all"],
  ["iterations", "tests of each thread, 0 = no end"],
  ["dmatest", "0 = copy threads, 1 = fill threads"],
  ["xor_sources", "sources of an xor"],
  ["pq_sources", "sources of a P+Q"],
  ["timeout", "milliseconds to wait for a callback, -1 = for ever"],
  ["noverify", "neither fill nor compare buffers"],
  ["norandom", "whole buffers, no offsets"],
  ["verbose", "report tests that pass, too"],
  ["alignment", "log2 of the alignment, -1 = the device's"],
  ["transfer_size", "bytes of every transfer, 0 = any"],
  ["polled", "poll for completion, no callbacks"],
];

/** The default of a parameter, as it would be written on the command line. */
export function defaultInWords(name: keyof Parameters): string {
  const value = DEFAULTS[name];
  return typeof value === "boolean" ? (value ? "Y" : "N") : String(value);
}

/**
 * Reads parameters as they are given to a kernel module: `name=value`, or `name` alone for a flag.
 *
 * @throws DmatestError `ERR_DMATEST_PARAMETER`
 */
export function parseParameters(words: readonly string[]): Parameters {
  const parameters: Record<string, unknown> = { ...DEFAULTS };
  const channels: string[] = [];
  for (const word of words) {
    const [, name = "", value] = /^(?:dmatest\.)?(\w+)(?:=(.*))?$/.exec(word) ?? [];
    if (name === "run" || name === "wait") {
      if (!parseFlag(word, value))
        throw refused(`${word}: this program always runs its tests and waits for them`);
    } else if (name === "channel") {
      if (value === undefined || value === "") throw refused(`${word}: expected channel=NAME`);
      if (channels.includes(value)) throw refused(`${word}: this channel was asked for already`);
      channels.push(value);
    } else if (!Object.hasOwn(DEFAULTS, name)) {
      throw refused(
        `"${word}" is no parameter of dmatest; expected one of ${Object.keys(DEFAULTS).join(", ")}`,
      );
    } else parameters[name] = parseValue(name, word, value);
  }
  const result = { ...parameters, channel: channels } as unknown as Parameters;
  if (result.transfer_size >= result.test_buf_size) {
    throw refused(
      `transfer_size=${result.transfer_size}: expected less than test_buf_size, which is ${result.test_buf_size}`,
    );
  }
  return result;
}

function parseValue(name: string, word: string, value: string | undefined): unknown {
  switch (typeof DEFAULTS[name as keyof Parameters]) {
    case "boolean":
      return parseFlag(word, value);
    case "number":
      return parseNumber(name, word, value);
    default:
      if (value === undefined) throw refused(`${word}: expected ${name}=NAME`);
      return value;
  }
}

/** The kernel's `kstrtobool`; a name alone is a yes. */
function parseFlag(word: string, value = "y"): boolean {
  if (/^(?:[yt1]|on)/i.test(value)) return true;
  if (/^(?:[nf0]|off?)/i.test(value)) return false;
  throw refused(`${word}: expected Y or N`);
}

function parseNumber(name: string, word: string, value = ""): number {
  const [min, max] = RANGES[name] ?? [0, 0xffff_ffff];
  const number = /^(?:-?\d+|0x[\da-f]+)$/i.test(value) ? Number(value) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw refused(`${word}: expected ${name}=NUMBER from ${min} to ${max}`);
}

function refused(message: string): DmatestError {
  return new DmatestError("ERR_DMATEST_PARAMETER", message);
}
