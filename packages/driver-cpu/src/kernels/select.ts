import { DmaError } from "@dmaengine/core";
import { hasRelaxedSimd, hasSimd } from "../wasm/features.js";

/**
 * Which kernels do the arithmetic:
 * - `relaxed-simd`: WebAssembly SIMD with the relaxed extension, which multiplies faster;
 * - `simd`: WebAssembly SIMD;
 * - `swar`: plain TypeScript, four bytes at a time.
 */
export type KernelsName = "relaxed-simd" | "simd" | "swar";

/** The kernels that the runtime has. */
export function availableKernels(): readonly KernelsName[] {
  const available: KernelsName[] = [];
  if (hasRelaxedSimd()) available.push("relaxed-simd");
  if (hasSimd()) available.push("simd");
  available.push("swar");
  return available;
}

/** Throws `ERR_DMA_CAPABILITY` when the runtime doesn't have these kernels. */
export function requireKernels(name: KernelsName): void {
  const available = availableKernels();
  if (available.includes(name)) return;
  throw new DmaError(
    "ERR_DMA_CAPABILITY",
    `cpu: expected kernels that this runtime has, one of ${available.join(", ")}, got ${name}`,
  );
}
