import { describe, expect, it } from "vitest";
import { compileKernels } from "../wasm/compile.js";
import { Arena, HEAP_START } from "./arena.js";

const SIZE_BYTES = 1024 * 1024;

describe.each([true, false])("an arena (shared: %s)", (shared) => {
  const make = async (): Promise<Arena> => new Arena(await compileKernels(false, shared), SIZE_BYTES, shared);

  it("is memory of that kind, and never grows", async () => {
    const { buffer, bytes, words } = await make();
    expect(buffer).toBeInstanceOf(shared ? SharedArrayBuffer : ArrayBuffer);
    expect(bytes.length).toBe(SIZE_BYTES);
    expect(words.length).toBe(SIZE_BYTES / 4);
  });

  it("copies and fills within itself", async () => {
    const arena = await make();
    const { bytes } = arena;
    const memory = arena.alloc(100, 64) as Uint8Array;
    const at = memory.byteOffset;
    arena.fill(at + 3, 0x1ab, 5);
    arena.copy(at + 6, at + 2, 7);
    // What overlaps is copied as it was.
    expect([...bytes.subarray(at, at + 14)]).toEqual([
      0, 0, 0, 0xab, 0xab, 0xab, 0, 0xab, 0xab, 0xab, 0xab, 0xab, 0, 0,
    ]);
  });

  it("can be copied and filled to its end", async () => {
    const arena = await make();
    arena.fill(HEAP_START, 7, SIZE_BYTES - HEAP_START);
    expect(arena.bytes.at(-1)).toBe(7);
    expect(arena.bytes[HEAP_START - 1]).toBe(0);
    arena.fill(HEAP_START, 9, 10);
    arena.copy(SIZE_BYTES - 10, HEAP_START, 10);
    expect(arena.bytes.subarray(-11)).toEqual(Uint8Array.of(7, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9));
  });
});

it("threads see the same bytes in an arena that they share", async () => {
  const arena = new Arena(await compileKernels(false, true), SIZE_BYTES, true);
  const memory = arena.alloc(64, 64) as Uint8Array;
  const { port1, port2 } = new MessageChannel();
  try {
    const received = new Promise<Uint8Array>((resolve) => {
      port2.onmessage = ({ data }) => resolve(data as Uint8Array);
    });
    port1.postMessage(memory);
    const theirs = await received;
    memory[5] = 77;
    expect(theirs[5]).toBe(77);
  } finally {
    port1.close();
  }
});
