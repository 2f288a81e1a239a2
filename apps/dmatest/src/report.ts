import type { PatternMismatch } from "@dmaengine/conformance";

/** How one test of a thread went. */
export interface TestResult {
  readonly thread: string;
  /** Number of the test, from 1. */
  readonly test: number;
  /** "test passed", or what went wrong, in the kernel's words. */
  readonly text: ResultText;
  readonly srcOffsetBytes: number;
  readonly dstOffsetBytes: number;
  readonly lengthBytes: number;
  /** Wrong bytes, for "data error"; else 0. */
  readonly value: number;
  readonly mismatches: readonly BufferMismatch[];
}

/** A wrong byte of a source or a destination buffer. */
export interface BufferMismatch extends PatternMismatch {
  readonly side: "srcbuf" | "dstbuf";
}

/**
 * The kernel's words for how a test went. Two of them can't happen here: "unmap data NULL" and "submit error", because taking an
 * unmap record and submitting don't fail.
 */
export type ResultText =
  | "src mapping error"
  | "dst mapping error"
  | "prep error"
  | "test timed out"
  | "completion error status"
  | "completion busy status"
  | "data error"
  | "test passed";

/** What a thread has to show in the end. */
export interface ThreadSummary {
  readonly thread: string;
  readonly tests: number;
  readonly failures: number;
  /** Tests in each second, without the time for filling and comparing buffers. */
  readonly iops: number;
  readonly kibPerSecond: number;
  /** 0, or why the thread could not go on: -12 (`-ENOMEM`). */
  readonly returnValue: number;
}

/** Where everything goes that dmatest has to tell. */
export interface Report {
  /** Threads were made for a channel. */
  added(channel: string, threads: number): void;
  /** A test failed, or passed and the user wants to know. */
  result(result: TestResult): void;
  summary(summary: ThreadSummary): void;
}

/** Most wrong bytes of either side that are told one by one (`MAX_ERROR_COUNT`). */
const MAX_ERROR_COUNT = 32;

/** What a wrong byte is called in the log. */
const MISMATCH_WORDS: Readonly<Record<PatternMismatch["kind"], string>> = {
  overwritten: "overwritten!",
  "not copied": "not copied!",
  "was copied": "was copied!",
  mismatch: "mismatch!",
};

/** The report as the kernel log would have it. */
export function logReport(print: (line: string) => void): Report {
  return {
    added(channel, threads) {
      print(`dmatest: Added ${threads} threads using ${channel}`);
    },
    result(result) {
      const { thread, test, text, srcOffsetBytes, dstOffsetBytes, lengthBytes, value } = result;
      for (const side of ["srcbuf", "dstbuf"] as const) {
        const mismatches = result.mismatches.filter((mismatch) => mismatch.side === side);
        for (const { kind, index, expected, actual } of mismatches.slice(0, MAX_ERROR_COUNT)) {
          const bytes = `Expected ${byte(expected)}, got ${byte(actual)}`;
          print(`dmatest: ${thread}: ${side}[${hex(index)}] ${MISMATCH_WORDS[kind]} ${bytes}`);
        }
        const rest = mismatches.length - MAX_ERROR_COUNT;
        if (rest > 0) print(`dmatest: ${thread}: ${rest} errors suppressed`);
      }
      const where = `src_off=${hex(srcOffsetBytes)} dst_off=${hex(dstOffsetBytes)} len=${hex(lengthBytes)}`;
      print(`dmatest: ${thread}: result #${test}: '${text}' with ${where} (${value})`);
    },
    summary({ thread, tests, failures, iops, kibPerSecond, returnValue }) {
      const rates = `${iops.toFixed(2)} iops ${Math.floor(kibPerSecond)} KB/s`;
      print(`dmatest: ${thread}: summary ${tests} tests, ${failures} failures ${rates} (${returnValue})`);
    },
  };
}

/** The report as data: everything that the log would have, and all of the wrong bytes. */
export interface JsonReport {
  readonly driver: string;
  readonly seed: number;
  readonly channels: { readonly name: string; readonly threads: number }[];
  readonly results: TestResult[];
  readonly summaries: ThreadSummary[];
}

/** Collects a report in `json`. */
export function collectReport(json: JsonReport): Report {
  return {
    added: (name, threads) => json.channels.push({ name, threads }),
    result: (result) => json.results.push(result),
    summary: (summary) => json.summaries.push(summary),
  };
}

function hex(number: number): string {
  return `0x${number.toString(16)}`;
}

function byte(value: number): string {
  return value.toString(16).padStart(2, "0");
}
