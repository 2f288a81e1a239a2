import { readFileSync } from "node:fs";
import { SumCheck } from "@dmaengine/core";
import { describe, expect, it } from "vitest";
import { Geometry } from "../geometry.js";
import { Offload } from "../offload/offload.js";
import type { PageOp } from "../offload/page-op.js";
import { locateWrongBlock } from "./locate.js";
import { NOTHING, type StripePage } from "./stripe-page.js";
import { addToParity, checkParity, Recovery, reconstruct } from "./syndrome.js";

/** Made by ISA-L: see golden/generate.py. */
interface Vector {
  readonly data: readonly string[];
  readonly p: string;
  readonly q: string;
  /** Two data blocks that are lost, and the coefficients that give the second one from the other data in order, P and Q. */
  readonly recovery: readonly { readonly x: number; readonly y: number; readonly coefsOfY: string }[];
}

const vectors: readonly Vector[] = JSON.parse(
  readFileSync(new URL("../../golden/isal-vectors.json", import.meta.url), "utf8"),
);

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
const hexOf = ({ bytes }: StripePage): string => Buffer.from(bytes).toString("hex");

/** The stripe of a vector: data, P, Q in the slots of layout "parity-last", where block k has exponent k. */
function stripeOf({ data, p, q }: Vector) {
  const geometry = new Geometry({
    level: 6,
    raidDisks: data.length + 2,
    layout: 5,
    chunkBytes: 4096,
    memberBytes: 4096,
  });
  const hexes = [...data, p, q];
  const pages = hexes.map((hex): StripePage => ({ bytes: bytesOf(hex), mapping: null, valid: NOTHING }));
  const range = { start: 0, end: (pages[0] as StripePage).bytes.length };
  const offload = new Offload(null, geometry, 4096);
  const run = (chain: readonly PageOp[]) => offload.run([{ chain }]);
  return { run, row: geometry.row(0), pages, hexes, range };
}

describe.each(vectors.map((vector) => [vector.data.length, vector] as const))(
  "ISA-L's vectors over %i data blocks",
  (_disks, vector) => {
    const NONE: ReadonlySet<number> = new Set();

    it("have our P and Q, made at once and block by block", async () => {
      for (const atOnce of [true, false]) {
        const { run, row, pages, hexes, range } = stripeOf(vector);
        for (const page of pages.slice(-2)) page.bytes.fill(atOnce ? 0xee : 0);
        if (atOnce) await run(reconstruct({ row, pages }, range, NONE));
        else for (const slot of row.data) await run(addToParity({ row, pages }, [slot], range, NONE));
        expect(pages.map(hexOf)).toEqual(hexes);
      }
    });

    it("pass our check, and don't when a byte is wrong", async () => {
      const { run, row, pages, range } = stripeOf(vector);
      const result = new SumCheck();
      await run(checkParity({ row, pages }, range, NONE, result));
      expect(result.flags).toBe(0);
      const { bytes } = pages[1] as StripePage;
      bytes[3] = (bytes[3] as number) ^ 0x40;
      await run(checkParity({ row, pages }, range, NONE, result));
      expect([result.pFailed, result.qFailed]).toEqual([true, true]);
      expect(locateWrongBlock({ row, pages }, range)).toBe(1);
    });

    it("are recovered by our arithmetic, with the same coefficients", async () => {
      for (const { x, y, coefsOfY } of vector.recovery) {
        const { run, row, pages, hexes, range } = stripeOf(vector);
        const lost = [x, y];
        for (const slot of lost) (pages[slot] as StripePage).bytes.fill(0xee);
        const chain = new Recovery(row, lost, lost).chain({ row, pages }, range);
        const [first] = chain;
        expect(first?.op === "pq" && Buffer.from(first.coefs).toString("hex"), `${x}, ${y}`).toBe(coefsOfY);
        await run(chain);
        expect(pages.map(hexOf), `${x}, ${y}`).toEqual(hexes);
      }
    });
  },
);
