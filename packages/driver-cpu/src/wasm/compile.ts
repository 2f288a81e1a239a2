import { kernelModule } from "./kernel-module.js";

/** Modules that were compiled before, or are being compiled. They hold no state, so all devices of a program share them. */
const compiled = new Map<boolean, Promise<WebAssembly.Module>>();

/** The kernels, compiled once in a program. `relaxed`: with the relaxed SIMD extension. */
export function compileKernels(relaxed: boolean): Promise<WebAssembly.Module> {
  let module = compiled.get(relaxed);
  if (module === undefined) {
    module = WebAssembly.compile(kernelModule(relaxed));
    compiled.set(relaxed, module);
  }
  return module;
}
