/** Value types of the binary format (WebAssembly specification, 5.3). */
export const ValueType = { I32: 0x7f, V128: 0x7b } as const;
export type ValueType = (typeof ValueType)[keyof typeof ValueType];

const END = 0x0b;

/** Unsigned LEB128 (specification, 5.2.2). */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return bytes;
}

/** Signed LEB128 of a 32-bit number. */
function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value | 0;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) {
      bytes.push(low);
      return bytes;
    }
    bytes.push(low | 0x80);
  }
}

/**
 * The body of one function, written instruction by instruction. Methods are named after the instructions that they write
 * (specification, 5.4), so that a kernel reads like the text format.
 */
export class Code {
  readonly #bytes: number[] = [];
  readonly #locals: ValueType[] = [];
  readonly #params: number;

  constructor(params: number) {
    this.#params = params;
  }

  /** Declares a local variable and returns its index. Variables start as zero. */
  local(type: ValueType): number {
    this.#locals.push(type);
    return this.#params + this.#locals.length - 1;
  }

  /** The function as it stands in the code section. */
  finish(): Uint8Array {
    const locals = [...unsigned(this.#locals.length), ...this.#locals.flatMap((type) => [1, type])];
    const size = unsigned(locals.length + this.#bytes.length + 1);
    return Uint8Array.from(size.concat(locals, this.#bytes, END));
  }

  // Variables

  get(local: number): this {
    return this.#write(0x20, ...unsigned(local));
  }
  set(local: number): this {
    return this.#write(0x21, ...unsigned(local));
  }
  tee(local: number): this {
    return this.#write(0x22, ...unsigned(local));
  }

  // Control

  /** Repeats `body` as long as the condition that `condition` leaves on the stack holds. */
  while(condition: () => void, body: () => void): this {
    this.#write(0x02, 0x40, 0x03, 0x40);
    condition();
    this.i32Eqz().#write(0x0d, 1);
    body();
    return this.#write(0x0c, 0, END, END);
  }
  /** Carries `body` out if the number on the stack is not zero. */
  if(body: () => void): this {
    this.#write(0x04, 0x40);
    body();
    return this.#write(END);
  }
  call(functionIndex: number): this {
    return this.#write(0x10, ...unsigned(functionIndex));
  }
  /** Calls the function of type `typeIndex` whose index in table 0 is on the stack. */
  callIndirect(typeIndex: number): this {
    return this.#write(0x11, ...unsigned(typeIndex), 0);
  }
  return(): this {
    return this.#write(0x0f);
  }
  drop(): this {
    return this.#write(0x1a);
  }

  // 32-bit integers

  i32Const(value: number): this {
    return this.#write(0x41, ...signed(value));
  }
  i32Load(offset: number): this {
    return this.#write(0x28, 2, ...unsigned(offset));
  }
  i32Load8U(offset: number): this {
    return this.#write(0x2d, 0, ...unsigned(offset));
  }
  i32Store(offset: number): this {
    return this.#write(0x36, 2, ...unsigned(offset));
  }
  i32Store8(offset: number): this {
    return this.#write(0x3a, 0, ...unsigned(offset));
  }
  i32Eqz(): this {
    return this.#write(0x45);
  }
  i32Ne(): this {
    return this.#write(0x47);
  }
  i32LtU(): this {
    return this.#write(0x49);
  }
  i32GeS(): this {
    return this.#write(0x4e);
  }
  i32GeU(): this {
    return this.#write(0x4f);
  }
  i32Add(): this {
    return this.#write(0x6a);
  }
  i32Sub(): this {
    return this.#write(0x6b);
  }
  i32Mul(): this {
    return this.#write(0x6c);
  }
  i32And(): this {
    return this.#write(0x71);
  }
  i32Or(): this {
    return this.#write(0x72);
  }
  i32Xor(): this {
    return this.#write(0x73);
  }
  i32Shl(): this {
    return this.#write(0x74);
  }
  i32ShrU(): this {
    return this.#write(0x76);
  }

  /** Destination, source and length are on the stack. */
  memoryCopy(): this {
    return this.#write(0xfc, 10, 0, 0);
  }
  /** Destination, value and length are on the stack. */
  memoryFill(): this {
    return this.#write(0xfc, 11, 0);
  }

  // Vectors of 16 bytes

  v128Load(offset: number): this {
    return this.#simd(0, 0, ...unsigned(offset));
  }
  v128Store(offset: number): this {
    return this.#simd(11, 0, ...unsigned(offset));
  }
  i8x16Splat(): this {
    return this.#simd(15);
  }
  i8x16Swizzle(): this {
    return this.#simd(14);
  }
  /** Of the relaxed SIMD extension: as `i8x16.swizzle` for indices below 16. */
  i8x16RelaxedSwizzle(): this {
    return this.#simd(0x100);
  }
  /**
   * Of the relaxed SIMD extension: two vectors and a mask are on the stack; takes the first one's lanes where the mask is -1, the second
   * one's where it is 0. What else a mask means is up to the runtime.
   */
  i8x16RelaxedLaneselect(): this {
    return this.#simd(0x109);
  }
  i8x16LtS(): this {
    return this.#simd(37);
  }
  i8x16Add(): this {
    return this.#simd(110);
  }
  i16x8ShrU(): this {
    return this.#simd(141);
  }
  v128And(): this {
    return this.#simd(78);
  }
  v128Or(): this {
    return this.#simd(80);
  }
  v128Xor(): this {
    return this.#simd(81);
  }
  v128AnyTrue(): this {
    return this.#simd(83);
  }

  // Shared memory

  i32AtomicLoad(offset: number): this {
    return this.#write(0xfe, 0x10, 2, ...unsigned(offset));
  }
  i32AtomicStore(offset: number): this {
    return this.#write(0xfe, 0x17, 2, ...unsigned(offset));
  }
  /** Wakes waiters: address and number are on the stack; leaves how many woke. */
  memoryAtomicNotify(offset: number): this {
    return this.#write(0xfe, 0x00, 2, ...unsigned(offset));
  }
  /** Waits while the word has the expected value: address, value and timeout (64 bits, negative: none) are on the stack; leaves why it woke. */
  memoryAtomicWait32(offset: number): this {
    return this.#write(0xfe, 0x01, 2, ...unsigned(offset));
  }
  i64Const(value: number): this {
    return this.#write(0x42, ...signed(value));
  }

  #simd(opcode: number, ...immediates: number[]): this {
    return this.#write(0xfd, ...unsigned(opcode), ...immediates);
  }

  #write(...bytes: number[]): this {
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }
}
