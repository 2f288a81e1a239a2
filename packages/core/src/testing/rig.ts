import type { DmaChan } from "../chan.js";
import type { DmaDevice } from "../device.js";
import { DmaEngine, type DmaEngineOptions } from "../engine.js";
import { DmaError, type DmaErrorCode } from "../errors.js";
import type { DmaOperation } from "../operations/operation.js";
import { type ModelChannel, ModelDriver, type ModelOptions } from "./model-driver.js";

/** An engine instance with one model device, and a client that has its first channel for itself. */
export interface Rig<Op extends DmaOperation> {
  readonly engine: DmaEngine;
  readonly driver: ModelDriver;
  readonly device: DmaDevice;
  readonly model: ModelChannel;
  readonly chan: DmaChan<Op>;
  /** What found no caller. */
  readonly uncaught: unknown[];
}

export async function rig<Op extends DmaOperation>(
  operations: readonly Op[],
  options: ModelOptions = {},
  engineOptions: DmaEngineOptions = {},
): Promise<Rig<Op>> {
  const uncaught: unknown[] = [];
  const engine = new DmaEngine({ onUncaught: (error) => uncaught.push(error), ...engineOptions });
  const driver = new ModelDriver(options);
  const [device] = await engine.register(driver);
  const chan = engine.requestChannel(operations, { client: "test" });
  return { engine, driver, device: device as DmaDevice, model: driver.channel, chan, uncaught };
}

/** The error that `act` throws, which must be a DmaError with this code. */
export function refusal(code: DmaErrorCode, act: () => unknown): DmaError {
  try {
    act();
  } catch (error) {
    if (DmaError.isInstance(error) && error.code === code) return error;
    throw error;
  }
  throw new Error(`expected ${code}, but nothing was thrown`);
}

/** The same for what rejects. */
export async function rejection(code: DmaErrorCode, act: Promise<unknown>): Promise<DmaError> {
  try {
    await act;
  } catch (error) {
    if (DmaError.isInstance(error) && error.code === code) return error;
    throw error;
  }
  throw new Error(`expected ${code}, but nothing was thrown`);
}

/** Not null, or the test fails. */
export function must<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error("expected a value");
  return value;
}
