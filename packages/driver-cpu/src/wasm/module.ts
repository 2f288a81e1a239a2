import { Code, unsigned, ValueType } from "./code.js";

/** Most pages that a linear memory can have: 4 GiB. */
const MAX_PAGES = 65536;

/** The type index of functions that take two numbers and return one. All functions have this type but those of one parameter. */
export const BINARY = 1;
/** The type index of functions that take one number and return one. */
export const UNARY = 0;

interface ModuleFunction {
  readonly type: typeof UNARY | typeof BINARY;
  readonly code: Uint8Array;
  readonly exportedAs: string | null;
}

/** A module under construction: functions over one imported memory, with all of them in a table. */
export class ModuleBuilder {
  readonly #functions: ModuleFunction[] = [];
  readonly #shared: boolean;

  /** @param shared - whether the memory that it imports, as `env.memory`, is shared between threads. */
  constructor(shared: boolean) {
    this.#shared = shared;
  }

  /** Functions so far: the index of the next one. */
  get count(): number {
    return this.#functions.length;
  }

  /** Adds a function and returns its index. */
  add(type: typeof UNARY | typeof BINARY, exportedAs: string | null, write: (code: Code) => void): number {
    const code = new Code(type === UNARY ? 1 : 2);
    write(code);
    this.#functions.push({ type, code: code.finish(), exportedAs });
    return this.#functions.length - 1;
  }

  /** The binary (specification, 5.5). */
  finish(): Uint8Array<ArrayBuffer> {
    const { I32 } = ValueType;
    const types = [
      [0x60, 1, I32, 1, I32],
      [0x60, 2, I32, I32, 1, I32],
    ];
    const limits = this.#shared ? [0x03, 0, ...unsigned(MAX_PAGES)] : [0x00, 0];
    const exported = this.#functions.flatMap(({ exportedAs }, index) =>
      exportedAs === null ? [] : [[...name(exportedAs), 0x00, ...unsigned(index)]],
    );
    const indices = this.#functions.flatMap((_, index) => unsigned(index));
    return concatenated([
      [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
      ...section(1, types),
      ...section(2, [[...name("env"), ...name("memory"), 0x02, ...limits]]),
      ...section(
        3,
        this.#functions.map(({ type }) => [type]),
      ),
      ...section(4, [[0x70, 0x00, ...unsigned(this.count)]]),
      ...section(7, exported),
      ...section(9, [[0x00, 0x41, 0x00, 0x0b, ...unsigned(this.count), ...indices]]),
      ...section(
        10,
        this.#functions.map(({ code }) => code),
      ),
    ]);
  }
}

/** A section holds a vector of entries. */
function section(id: number, entries: readonly ArrayLike<number>[]): ArrayLike<number>[] {
  const count = unsigned(entries.length);
  const lengthBytes = entries.reduce((sum, entry) => sum + entry.length, count.length);
  return [[id, ...unsigned(lengthBytes)], count, ...entries];
}

function concatenated(parts: readonly ArrayLike<number>[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function name(text: string): number[] {
  return [...unsigned(text.length), ...new TextEncoder().encode(text)];
}
