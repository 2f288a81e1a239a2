import type { DmaOperation, OperationDefinition } from "@dmaengine/core";
import { BUILT_IN_OPERATIONS } from "@dmaengine/core/driver";

/** The definition of an operation that the framework itself knows. */
export function builtIn<Op extends DmaOperation>(name: Op): OperationDefinition<Op> {
  const definition = BUILT_IN_OPERATIONS.find((candidate) => candidate.name === name);
  if (definition === undefined) throw new TypeError(`@dmaengine/core has no operation "${name}"`);
  return definition as unknown as OperationDefinition<Op>;
}
