/** Marks every error of this package, so that it is recognised across two installed copies (`instanceof` is not). */
const MARK = Symbol.for("@dmaengine/sim.error");

/** Stable names for everything that the simulated platform refuses. */
export type SimErrorCode =
  /** A time or delay is no whole number of nanoseconds, lies in the past, or an event is scheduled twice. */
  | "ERR_SIM_CLOCK"
  /** A register is accessed that does not exist, with a width or in a direction that it does not have. */
  | "ERR_SIM_MMIO"
  /** An interrupt line is requested twice, or raised while nobody handles it. */
  | "ERR_SIM_IRQ"
  /** A coherent allocation is asked for with a size or alignment that makes no sense, or an address is unmapped that nobody mapped. */
  | "ERR_SIM_MEMORY"
  /** A fault is planned for a position that does not exist. */
  | "ERR_SIM_FAULT"
  /** A platform is described by values that make no machine. */
  | "ERR_SIM_PLATFORM";

/**
 * A mistake of a simulated driver or device, or of a test: what a real machine would answer with a hang, a machine check or garbage.
 * What a correct driver has to live with (bus errors of a device, for one) is never an exception.
 */
export class SimError extends Error {
  readonly code: SimErrorCode;
  readonly [MARK] = true;

  constructor(code: SimErrorCode, message: string) {
    super(message);
    this.name = "SimError";
    this.code = code;
  }

  /** Whether `value` is a SimError of this or of any other copy of the package. */
  static isInstance(value: unknown): value is SimError {
    return typeof value === "object" && value !== null && MARK in value;
  }
}
