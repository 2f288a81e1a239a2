import { type ModuleBuilder, UNARY } from "./module.js";
import { Slot } from "./slot.js";

/** Where the functions are that {@link addCopyKernels} adds. */
export interface CopyKernels {
  readonly copy: number;
  readonly fill: number;
}

/** Adds a copy and a fill within linear memory, exported as `copy` and `fill`. As the other kernels they take a slot's address. */
export function addCopyKernels(module: ModuleBuilder): CopyKernels {
  const slot = 0;
  const copy = module.add(UNARY, "copy", (code) => {
    code.get(slot).i32Load(Slot.P).get(slot).i32Load(Slot.SRCS).get(slot).i32Load(Slot.LENGTH_BYTES);
    code.memoryCopy().i32Const(0);
  });
  const fill = module.add(UNARY, "fill", (code) => {
    code.get(slot).i32Load(Slot.P).get(slot).i32Load(Slot.FILL_VALUE).get(slot).i32Load(Slot.LENGTH_BYTES);
    code.memoryFill().i32Const(0);
  });
  return { copy, fill };
}
