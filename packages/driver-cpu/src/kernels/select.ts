import { DmaError } from "@dmaengine/core";
import { hasRelaxedSimd, hasSimd } from "../wasm/features.js";

/**
 * Which kernels do the arithmetic, the fastest first:
 * - `relaxed-simd`: WebAssembly SIMD with the relaxed extension, which multiplies faster;
 * - `simd`: WebAssembly SIMD;
 * - `swar`: plain TypeScript, four bytes at a time.
 */
export type KernelsName = "relaxed-simd" | "simd" | "swar";

/** The fastest kernels that the runtime has, or the wanted ones. Throws `ERR_DMA_CAPABILITY` when it doesn't have those. */
export function selectKernels(wanted: KernelsName | "auto"): KernelsName {
  const available: KernelsName[] = [];
  if (hasRelaxedSimd()) available.push("relaxed-simd");
  if (hasSimd()) available.push("simd");
  available.push("swar");
  if (wanted === "auto") return available[0] as KernelsName;
  if (available.includes(wanted)) return wanted;
  throw new DmaError(
    "ERR_DMA_CAPABILITY",
    `cpu: expected kernels that this runtime has, one of ${available.join(", ")}, got ${wanted}`,
  );
}
