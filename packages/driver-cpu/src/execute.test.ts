import {
  DMA_CTRL_ACK,
  DMA_PREP_CONTINUE,
  DMA_PREP_PQ_DISABLE_P,
  DMA_PREP_PQ_DISABLE_Q,
  type DmaChan,
  DmaDirection,
  DmaEngine,
  type DmaTxDescriptor,
  type OperationArgs,
  SumCheck,
} from "@dmaengine/core";
import { BUILT_IN_OPERATIONS, type OperationDefinition, type ReferenceMemory } from "@dmaengine/core/driver";
import fc from "fast-check";
import { expect, it, vi } from "vitest";
import { cpu } from "./cpu.js";
import type { CpuOperation } from "./execute.js";

const LONG = process.env["DMAENGINE_LONG"] === "1";
const NUM_RUNS = LONG ? 5000 : 150;
vi.setConfig({ testTimeout: LONG ? 600_000 : 60_000 });

const OPERATIONS = ["memcpy", "memset", "xor", "xorVal", "pq", "pqVal", "interrupt"] as const;

/** Memory is a row of slots with an operand in each, so that operands are either the same or don't overlap. */
const SLOTS = 8;
const SLOT_BYTES = 704;
const MAX_OFFSET = 15;

/** One transaction; which of the fields it uses depends on its operation. */
const step = fc.record({
  operation: fc.constantFrom(...OPERATIONS),
  lengthBytes: fc.integer({ min: 1, max: SLOT_BYTES - MAX_OFFSET }),
  /** Slots of the destination, or P, and of Q, or of the source of a copy. */
  outputs: fc.uniqueArray(fc.nat(SLOTS - 1), { minLength: 2, maxLength: 2 }),
  /** Slot and coefficient of each source. Slots may be among the outputs, and come more than once. */
  sources: fc.oneof(
    fc.array(fc.tuple(fc.nat(SLOTS - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
    fc.array(fc.tuple(fc.nat(SLOTS - 1), fc.nat(255)), { minLength: 1, maxLength: 255 }),
  ),
  value: fc.nat(255),
  pqFlags: fc.constantFrom(
    0,
    DMA_PREP_CONTINUE,
    DMA_PREP_PQ_DISABLE_P,
    DMA_PREP_PQ_DISABLE_Q,
    DMA_PREP_CONTINUE | DMA_PREP_PQ_DISABLE_P,
    DMA_PREP_CONTINUE | DMA_PREP_PQ_DISABLE_Q,
  ),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const offsets = fc.array(fc.nat(MAX_OFFSET), { minLength: SLOTS, maxLength: SLOTS });

/** A transaction, and what it means by the operation's own definition. */
interface Prepared {
  readonly tx: DmaTxDescriptor | null;
  reference(memory: ReferenceMemory): void;
  readonly verdicts: readonly SumCheck[];
}

function prepare(chan: DmaChan<CpuOperation>, s: Step, slot: (n: number) => number): Prepared {
  const { lengthBytes, value } = s;
  const [dst, other] = [slot(s.outputs[0]!), slot(s.outputs[1]!)];
  const srcs = Float64Array.from(s.sources, ([n]) => slot(n));
  const coefs = Uint8Array.from(s.sources, ([, coef]) => coef);
  const srcCnt = srcs.length;
  const flags = DMA_CTRL_ACK | s.pqFlags;
  const result = new SumCheck();
  const expected = new SumCheck();
  const means =
    <Op extends CpuOperation>(name: Op, args: OperationArgs<Op>) =>
    (memory: ReferenceMemory): void =>
      definitionOf(name).reference(args, flags, memory);
  const verdicts = [result, expected];
  switch (s.operation) {
    case "memcpy":
      return {
        tx: chan.prepMemcpy(dst, other, lengthBytes),
        reference: means("memcpy", { dst, src: other, lengthBytes }),
        verdicts,
      };
    case "memset":
      return {
        tx: chan.prepMemset(dst, value, lengthBytes),
        reference: means("memset", { dst, value, lengthBytes }),
        verdicts,
      };
    case "xor":
      return {
        tx: chan.prepXor(dst, srcs, srcCnt, lengthBytes),
        reference: means("xor", { dst, srcs, srcCnt, lengthBytes }),
        verdicts,
      };
    case "xorVal":
      return {
        tx: chan.prepXorVal(srcs, srcCnt, lengthBytes, result),
        reference: means("xorVal", { srcs, srcCnt, lengthBytes, result: expected }),
        verdicts,
      };
    case "pq":
      return {
        tx: chan.prepPq(dst, other, srcs, srcCnt, coefs, lengthBytes, flags),
        reference: means("pq", { p: dst, q: other, srcs, srcCnt, coefs, lengthBytes }),
        verdicts,
      };
    case "pqVal":
      return {
        tx: chan.prepPqVal(dst, other, srcs, srcCnt, coefs, lengthBytes, result, flags),
        reference: means("pqVal", { p: dst, q: other, srcs, srcCnt, coefs, lengthBytes, result: expected }),
        verdicts,
      };
    case "interrupt":
      return { tx: chan.prepInterrupt(), reference: means("interrupt", {}), verdicts };
  }
}

function definitionOf<Op extends CpuOperation>(name: Op): OperationDefinition<Op> {
  const definition = BUILT_IN_OPERATIONS.find((candidate) => candidate.name === name);
  return definition as unknown as OperationDefinition<Op>;
}

it("does what the operations' definitions say, in batches", async () => {
  const engine = new DmaEngine();
  await engine.register(cpu({ ringSize: 6 }));
  const chan = engine.requestChannel(OPERATIONS);
  const memory = new Uint8Array(SLOTS * SLOT_BYTES);
  const base = chan.device.mapSingle(memory, DmaDirection.BIDIRECTIONAL);

  fc.assert(
    fc.property(
      fc.array(step, { minLength: 1, maxLength: 6 }),
      offsets,
      fc.uint8Array({ minLength: 64, maxLength: 64 }),
      (steps, offset, pattern) => {
        for (let i = 0; i < memory.length; i++) memory[i] = pattern[i & 63]! + (i >> 6);
        const expected = memory.slice();
        const reference: ReferenceMemory = {
          read: (addr) => expected[addr - base]!,
          write: (addr, value) => {
            expected[addr - base] = value;
          },
        };
        const slot = (n: number): number => base + n * SLOT_BYTES + offset[n]!;
        const prepared = steps.map((s) => prepare(chan, s, slot));
        for (const { tx } of prepared) tx!.submit();
        chan.issuePending();

        for (const p of prepared) p.reference(reference);
        expect(Buffer.compare(memory, expected)).toBe(0);
        for (const { verdicts } of prepared) expect(verdicts[0]).toEqual(verdicts[1]);
      },
    ),
    { numRuns: NUM_RUNS },
  );
});
