import { PLAIN_SIMD, relaxedSimd, type SimdDialect } from "./features.js";
import { kernelModule } from "./kernel-module.js";
import { type WorkerModule, workerModule } from "./worker-module.js";

/** The module of the workers, compiled. */
export interface CompiledWorkerModule extends Omit<WorkerModule, "binary"> {
  readonly module: WebAssembly.Module;
}

// Modules hold no state, so all devices of a program share them.
const inline = {
  plain: new Map<boolean, Promise<WebAssembly.Module>>(),
  shared: new Map<boolean, Promise<WebAssembly.Module>>(),
};
const workers = new Map<boolean, Promise<CompiledWorkerModule>>();

/**
 * The kernels of the inline engine, compiled once in a program. `relaxed`: with the relaxed SIMD extension; `shared`: for memory that threads
 * share, as a module is for one kind only.
 */
export function compileKernels(relaxed: boolean, shared: boolean): Promise<WebAssembly.Module> {
  return once(inline[shared ? "shared" : "plain"], relaxed, () =>
    WebAssembly.compile(kernelModule(dialect(relaxed), shared)),
  );
}

/** Those of workers, which are for shared memory. */
export function compileWorkerKernels(relaxed: boolean): Promise<CompiledWorkerModule> {
  return once(workers, relaxed, async () => {
    const { binary, ...indices } = workerModule(dialect(relaxed));
    return { module: await WebAssembly.compile(binary), ...indices };
  });
}

function dialect(relaxed: boolean): SimdDialect {
  return relaxed ? relaxedSimd() : PLAIN_SIMD;
}

function once<T>(cache: Map<boolean, Promise<T>>, key: boolean, make: () => Promise<T>): Promise<T> {
  const found = cache.get(key) ?? make();
  cache.set(key, found);
  return found;
}
