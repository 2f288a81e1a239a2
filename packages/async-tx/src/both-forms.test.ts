// What both forms have, on every set of engines.

import { DmaStatus, SumCheck } from "@dmaengine/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AsyncTxDescriptor } from "./index.js";
import { ENGINE_SET_NAMES, type EngineSet, machine, takeApart } from "./testing/engine-sets.js";
import { FORM_NAMES, FORMS, type Form } from "./testing/forms.js";
import { noise, xorOf } from "./testing/model.js";

const PAGE = 512;
const pages = (count: number, seed = 1) => Array.from({ length: count }, (_, i) => noise(PAGE, seed + i));

const cases = ENGINE_SET_NAMES.flatMap((set) => FORM_NAMES.map((form) => ({ set, form })));

describe.each(cases)("$form with $set", ({ set, form }) => {
  /** Runs calls, then makes sure that they left nothing behind. */
  async function run(calls: (atx: Form) => Promise<void>): Promise<void> {
    const m = await machine(set);
    const atx = FORMS[form](m.engine, {});
    await calls(atx);
    await atx.close();
    await takeApart(m);
    expect(m.uncaught).toEqual([]);
  }

  it("copies a part of a page", () =>
    run(async (atx) => {
      const [dest, src] = pages(2) as [Uint8Array, Uint8Array];
      const before = dest.slice();
      expect(await atx.wait(await atx.memcpy(dest, src, 128, 256, 200, { last: true }))).toBe(
        DmaStatus.COMPLETE,
      );
      before.set(src.subarray(256, 456), 128);
      expect(dest).toEqual(before);
    }));

  it("fills a part of a page", () =>
    run(async (atx) => {
      const [dest] = pages(1) as [Uint8Array];
      const before = dest.slice();
      expect(await atx.wait(await atx.memset(dest, 0xa5, 64, 300, { last: true }))).toBe(DmaStatus.COMPLETE);
      expect(dest).toEqual(before.fill(0xa5, 64, 364));
    }));

  it.each([2, 3, 8, 9, 17, 40])("xors %i sources, with and without the destination", (count) =>
    run(async (atx) => {
      const [dest, ...srcs] = pages(count + 1) as [Uint8Array, ...Uint8Array[]];
      await atx.wait(await atx.xor(dest, srcs, 0, PAGE, { last: true }));
      expect(dest).toEqual(xorOf(srcs));
      const others = pages(count - 1, 100);
      const sum = xorOf([dest, ...others]);
      await atx.wait(await atx.xorInto(dest, others, 0, PAGE, { last: true }));
      expect(dest).toEqual(sum);
    }),
  );

  it.each([2, 5, 20])("checks that %i sources xor to zero", (count) =>
    run(async (atx) => {
      const srcs = pages(count - 1);
      const result = new SumCheck();
      result.flags = 7;
      await atx.wait(await atx.xorVal(xorOf(srcs), srcs, 0, PAGE, result, { last: true }));
      expect(result.flags).toBe(0);
      const wrong = xorOf(srcs);
      (wrong[PAGE - 1] as number) ^= 1;
      await atx.wait(await atx.xorVal(wrong, srcs, 0, PAGE, result, { last: true }));
      expect(result.pFailed).toBe(true);
    }),
  );

  it("runs a chain of xor, copy and xor in order, and calls back once, at its end", () =>
    run(async (atx) => {
      const [dest, copy, ...srcs] = pages(6) as [Uint8Array, Uint8Array, ...Uint8Array[]];
      const more = pages(2, 50);
      const calls: unknown[] = [];
      const called = new Promise<void>((resolve) => {
        const cbFn = (param: unknown, status: DmaStatus) => {
          calls.push([param, status]);
          resolve();
        };
        void (async () => {
          let tx = await atx.xor(dest, srcs, 0, PAGE);
          tx = await atx.memcpy(copy, dest, 0, 0, PAGE, { dependTx: tx });
          tx = await atx.xorInto(copy, more, 0, PAGE, { dependTx: tx, last: true, cbFn, cbParam: "end" });
          atx.issueAll();
          expect(await atx.wait(tx)).toBe(DmaStatus.COMPLETE);
        })();
      });
      await called;
      expect(dest).toEqual(xorOf(srcs));
      expect(copy).toEqual(xorOf([...srcs, ...more]));
      expect(calls).toEqual([["end", DmaStatus.COMPLETE]]);
    }));

  it("calls back at the end of a chain that is triggered afterwards", () =>
    run(async (atx) => {
      const [dest, ...srcs] = pages(4) as [Uint8Array, ...Uint8Array[]];
      const sum = xorOf(srcs);
      const seen: boolean[] = [];
      const tx = await atx.xor(dest, srcs, 0, PAGE);
      const cbFn = () => seen.push(Buffer.compare(dest, sum) === 0);
      const end = await atx.trigger({ dependTx: tx, last: true, cbFn });
      expect(await atx.wait(end)).toBe(DmaStatus.COMPLETE);
      expect(seen).toEqual([true]);
    }));

  it("says that null is complete", () =>
    run(async (atx) => expect(await atx.wait(null)).toBe(DmaStatus.COMPLETE)));
});

/** A step of a chain that works on pages by number. */
type Step =
  | { readonly op: "memcpy"; readonly dest: number; readonly src: number }
  | { readonly op: "memset"; readonly dest: number; readonly value: number }
  | { readonly op: "xor"; readonly dest: number; readonly srcs: readonly number[] }
  | { readonly op: "xorInto"; readonly dest: number; readonly srcs: readonly number[] }
  | { readonly op: "trigger" };

const POOL = 6;
const page = fc.nat(POOL - 1);
const step: fc.Arbitrary<Step> = fc
  .oneof(
    fc.record({ op: fc.constant("memcpy" as const), dest: page, src: page }),
    fc.record({ op: fc.constant("memset" as const), dest: page, value: fc.nat(255) }),
    fc.record({
      op: fc.constantFrom("xor" as const, "xorInto" as const),
      dest: page,
      srcs: fc.uniqueArray(page, { minLength: 2, maxLength: POOL - 1 }),
    }),
    fc.record({ op: fc.constant("trigger" as const) }),
  )
  .map((s) => {
    if (s.op === "memcpy" && s.src === s.dest) return { ...s, src: (s.dest + 1) % POOL };
    if (s.op !== "xor" && s.op !== "xorInto") return s;
    const srcs = s.srcs.filter((src) => src !== s.dest);
    return { ...s, srcs: srcs.length > 1 ? srcs : [(s.dest + 1) % POOL, (s.dest + 2) % POOL] };
  });

/** What a step makes of the pages. */
function model(state: Uint8Array[], s: Step): void {
  const at = (n: number) => state[n] as Uint8Array;
  if (s.op === "memcpy") state[s.dest] = at(s.src).slice();
  else if (s.op === "memset") state[s.dest] = new Uint8Array(PAGE).fill(s.value);
  else if (s.op === "xor") state[s.dest] = xorOf(s.srcs.map(at));
  else if (s.op === "xorInto") state[s.dest] = xorOf([s.dest, ...s.srcs].map(at));
}

function submit(atx: Form, state: readonly Uint8Array[], s: Step, how: Parameters<Form["trigger"]>[0]) {
  const at = (n: number) => state[n] as Uint8Array;
  switch (s.op) {
    case "memcpy":
      return atx.memcpy(at(s.dest), at(s.src), 0, 0, PAGE, how);
    case "memset":
      return atx.memset(at(s.dest), s.value, 0, PAGE, how);
    case "xor":
      return atx.xor(at(s.dest), s.srcs.map(at), 0, PAGE, how);
    case "xorInto":
      return atx.xorInto(at(s.dest), s.srcs.map(at), 0, PAGE, how);
    case "trigger":
      return atx.trigger(how);
  }
}

describe.each(cases)("chains in $form with $set", ({ set, form }) => {
  it("of any operations give the bytes that one after the other gives, and call back once each, in order", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(step, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 3 }),
        async (chains) => {
          const m = await machine(set as EngineSet);
          const atx = FORMS[form](m.engine, {});
          await Promise.all(
            chains.map(async (chain, c) => {
              const state = Array.from({ length: POOL }, (_, i) => noise(PAGE, c * POOL + i + 1));
              const expected = state.map((bytes) => bytes.slice());
              const called: unknown[] = [];
              let tx: AsyncTxDescriptor | null = null;
              for (const [i, s] of chain.entries()) {
                const last = i === chain.length - 1;
                tx = await submit(atx, state, s, {
                  dependTx: tx,
                  last,
                  cbFn: (n) => called.push(n),
                  cbParam: i,
                });
                model(expected, s);
              }
              expect(await atx.wait(tx)).toBe(DmaStatus.COMPLETE);
              expect(state).toEqual(expected);
              expect(called).toEqual(chain.map((_, i) => i));
            }),
          );
          await atx.close();
          await takeApart(m);
          expect(m.uncaught).toEqual([]);
        },
      ),
      { numRuns: 20 },
    );
  });
});
