/**
 * The driver contract as a test suite. Hand {@link conformance} a test runner and a driver factory.
 *
 * @packageDocumentation
 */

export { type CollectedResult, Collector, type CollectorOptions } from "./collector.js";
export { type ConformanceOptions, conformance } from "./conformance.js";
export type { AnyExercise, OperationExercise, OperationShape, Prepared } from "./exercises/exercise.js";
export {
  type PatternMismatch,
  type PatternMismatchKind,
  type PatternRegion,
  TransferPattern,
} from "./pattern.js";
export {
  type PatternedOperation,
  type PatternedSources,
  type PatternedTransfer,
  patternedTransfer,
} from "./patterned-transfer.js";
export { Random } from "./random.js";
export type { CaseReport, ConformanceReport } from "./report.js";
export type { Runner } from "./runner.js";
export {
  runSchedule,
  runSchedules,
  type ScheduledMachine,
  type ScheduledPlatform,
  type ScheduleOptions,
  type ScheduleSeeds,
  scheduleSeeds,
} from "./schedules/schedules.js";
export { onSteppedPlatforms } from "./stepped.js";
export type { Harness } from "./time.js";
