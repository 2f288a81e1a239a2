import { ValueType } from "./code.js";
import { addCopyKernels, type CopyKernels } from "./copy-kernels.js";
import type { SimdDialect } from "./features.js";
import { addKernels } from "./kernel-module.js";
import { BINARY, ModuleBuilder, UNARY } from "./module.js";
import { Ring, SLOT_BYTES, Slot } from "./slot.js";

/** The module of the workers, and where the functions start that slots name. */
export interface WorkerModule extends CopyKernels {
  readonly binary: Uint8Array<ArrayBuffer>;
  /** What to add to a `kernelNumber`. */
  readonly firstKernel: number;
  /** The function that does nothing. */
  readonly nop: number;
}

/** Kernels over a memory that threads share, and `run(ring, ringSize)`: the loop that a worker is in until it is stopped or terminated. */
export function workerModule(dialect: SimdDialect): WorkerModule {
  const module = new ModuleBuilder(true);
  const nop = module.add(UNARY, null, (code) => {
    code.i32Const(0);
  });
  const copies = addCopyKernels(module);
  const firstKernel = addKernels(module, dialect);
  addRun(module);
  return { binary: module.finish(), firstKernel, nop, ...copies };
}

function addRun(module: ModuleBuilder): void {
  module.add(BINARY, "run", (code) => {
    const [ring, ringSize] = [0, 1];
    const done = code.local(ValueType.I32);
    const position = code.local(ValueType.I32);
    const slot = code.local(ValueType.I32);
    code.get(ring).i32AtomicLoad(Ring.DONE).set(done);
    code.get(ring).i32AtomicLoad(Ring.START).set(position);
    code.while(
      () => code.i32Const(1),
      () => {
        // Sleeps while nothing is issued that is not done.
        code.while(
          () => code.get(ring).i32AtomicLoad(Ring.ISSUED).get(done).i32Ne().i32Eqz(),
          () => code.get(ring).get(done).i64Const(-1).memoryAtomicWait32(Ring.ISSUED).drop(),
        );
        code.get(ring).i32AtomicLoad(Ring.STOP);
        code.if(() => code.i32Const(0).return());
        code
          .get(ring)
          .get(position)
          .i32Const(SLOT_BYTES)
          .i32Mul()
          .i32Add()
          .i32Const(Ring.SLOTS)
          .i32Add()
          .set(slot);
        code.get(slot).get(slot).get(slot).i32Load(Slot.KERNEL).callIndirect(UNARY).i32Store(Slot.RESULT);
        code.get(done).i32Const(1).i32Add().set(done);
        code.get(position).i32Const(1).i32Add().set(position);
        code.get(position).get(ringSize).i32Ne().i32Eqz();
        code.if(() => code.i32Const(0).set(position));
        code.get(ring).get(done).i32AtomicStore(Ring.DONE);
        // The store comes first, so a client that sleeps now has either seen it or is seen here.
        code.get(ring).i32AtomicLoad(Ring.WAITING);
        code.if(() => {
          code.get(done).get(ring).i32AtomicLoad(Ring.WAKE_AT).i32Sub().i32Const(0).i32GeS();
          code.if(() => code.get(ring).i32Const(-1).memoryAtomicNotify(Ring.DONE).drop());
        });
      },
    );
    code.i32Const(0);
  });
}
