/**
 * What is asked of a driver's description before it is believed, beyond what the types ask: `dma_async_device_register`.
 *
 * @module
 */
import type { AnyDeviceDefinition, DmaDriver } from "./driver-contract.js";
import { DmaError } from "./errors.js";
import type { AnyOperationDefinition } from "./operations/operation.js";

/** Refuses a description that can't be true. Returns the definitions of the operations that the device claims. */
export function checkDefinition(
  driver: DmaDriver,
  definition: AnyDeviceDefinition,
  builtIn: readonly AnyOperationDefinition[],
): AnyOperationDefinition[] {
  const claim = (ok: boolean, what: string): void => {
    if (!ok) throw new DmaError("ERR_DMA_CAPABILITY", `${driver.name}: ${definition.name} ${what}`);
  };
  const { capabilities, ringSize, channels, dmaMaskBits, maxSegmentBytes, segmentBoundaryBytes } = definition;
  claim(isCount(ringSize), `has a ringSize of ${ringSize}; expected 1 or more`);
  claim(channels.length > 0, "has no channels");
  claim(
    dmaMaskBits === undefined || (isCount(dmaMaskBits) && dmaMaskBits <= 53),
    `has addresses of ${dmaMaskBits} bits; expected 1 to 53`,
  );
  claim(
    maxSegmentBytes === undefined || isCount(maxSegmentBytes),
    `has segments of ${maxSegmentBytes} bytes; expected 1 or more`,
  );
  claim(
    segmentBoundaryBytes === undefined || isPowerOfTwo(segmentBoundaryBytes),
    `has a segment boundary of ${segmentBoundaryBytes} bytes; expected a power of two`,
  );
  const own = driver.operations ?? [];
  for (const { name } of own) {
    claim(
      !builtIn.some((operation) => operation.name === name),
      `brings an operation "${name}", which is a built-in one; give it another name`,
    );
  }
  return Object.entries(capabilities).map(([name, limits]) => {
    const operation = [...builtIn, ...own].find((candidate) => candidate.name === name);
    if (operation === undefined) {
      const known = [...builtIn, ...own].map((candidate) => candidate.name).join(", ");
      throw new DmaError(
        "ERR_DMA_CAPABILITY",
        `${driver.name}: ${definition.name} claims the operation "${name}", which nobody has defined; known are ${known}. ` +
          'A driver brings its own in "operations".',
      );
    }
    checkLimits(name, limits as Readonly<Record<string, unknown>>, claim);
    if (operation.slave === true) {
      const directions = definition.slave?.directions ?? [];
      claim(directions.length > 0, `claims "${name}" and doesn't describe it in "slave", with directions`);
    }
    return operation;
  });
}

/** Refuses numbers that make no limits. Operations name theirs alike: `max…`, `min…` and `alignBytes`. */
function checkLimits(
  operation: string,
  limits: Readonly<Record<string, unknown>>,
  claim: (ok: boolean, what: string) => void,
): void {
  for (const [name, limit] of Object.entries(limits)) {
    if (limit === undefined) continue;
    if (name === "alignBytes") {
      claim(isPowerOfTwo(limit), `aligns "${operation}" to ${limit} bytes; expected a power of two`);
    } else if (name.startsWith("max") || name.startsWith("min")) {
      claim(isCount(limit), `limits "${operation}" with ${name} ${limit}; expected a number from 1`);
    }
  }
  const { minLengthBytes = 1, maxLengthBytes = Number.MAX_SAFE_INTEGER } = limits;
  claim(
    (minLengthBytes as number) <= (maxLengthBytes as number),
    `limits "${operation}" to no length at all: at least ${minLengthBytes} and at most ${maxLengthBytes} bytes`,
  );
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

function isPowerOfTwo(value: unknown): boolean {
  return isCount(value) && Number.isInteger(Math.log2(value as number));
}
