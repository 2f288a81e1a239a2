import { ModuleBuilder, UNARY } from "./module.js";

/** What the runtime can do: a module is valid only if all of its instructions are known. */
export function hasSimd(): boolean {
  return isValid((module) =>
    module.add(UNARY, null, (code) => {
      code.get(0).i8x16Splat().v128AnyTrue();
    }),
  );
}

/** The relaxed SIMD extension: Chrome 114, Firefox 145, Node 21 and later. */
export function hasRelaxedSimd(): boolean {
  return isValid((module) =>
    module.add(UNARY, null, (code) => {
      code.get(0).i8x16Splat().get(0).i8x16Splat().i8x16RelaxedSwizzle().v128AnyTrue();
    }),
  );
}

function isValid(fill: (module: ModuleBuilder) => void): boolean {
  if (typeof WebAssembly === "undefined") return false;
  const module = new ModuleBuilder(false);
  fill(module);
  return WebAssembly.validate(module.finish());
}
