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

/**
 * Memory that threads share: browsers have it where the page is cross-origin isolated, and leave `SharedArrayBuffer` out elsewhere (HTML Standard,
 * "cross-origin isolated capability").
 */
export function hasSharedMemory(): boolean {
  return typeof SharedArrayBuffer !== "undefined" && isValid(() => {}, true);
}

/** What kernels are written with beyond the SIMD of the core specification. */
export interface SimdDialect {
  /** Lookups in tables of 16 bytes are `i8x16.relaxed_swizzle`: one instruction on x86, where the strict one takes more. */
  readonly relaxedSwizzle: boolean;
  /** `i8x16.relaxed_laneselect` looks at the top bit of a mask's lane alone, which saves a comparison for each doubling. */
  readonly selectsByTopBit: boolean;
}

export const PLAIN_SIMD: SimdDialect = { relaxedSwizzle: false, selectsByTopBit: false };

/** What the extension means to this runtime, which has it. */
export function relaxedSimd(): SimdDialect {
  return { relaxedSwizzle: true, selectsByTopBit: selectsByTopBit() };
}

/**
 * A mask that is neither 0 nor -1 selects by its top bit (x86) or bit by bit (ARM): the runtime decides, but always the same way (relaxed
 * SIMD proposal, "implementation-defined"). So it is asked once.
 */
function selectsByTopBit(): boolean {
  const builder = new ModuleBuilder(false);
  builder.add(UNARY, "select", (code) => {
    code.i32Const(1).i8x16Splat().i32Const(0).i8x16Splat().get(0).i8x16Splat();
    code.i8x16RelaxedLaneselect().v128AnyTrue();
  });
  const memory = new WebAssembly.Memory({ initial: 0 });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(builder.finish()), { env: { memory } });
  const select = instance.exports["select"] as (mask: number) => number;
  return select(0x80) === 1 && select(0x7f) === 0;
}

function isValid(fill: (module: ModuleBuilder) => void, shared = false): boolean {
  if (typeof WebAssembly === "undefined") return false;
  const module = new ModuleBuilder(shared);
  fill(module);
  return WebAssembly.validate(module.finish());
}
