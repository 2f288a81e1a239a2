/**
 * A transaction as the kernels find it in linear memory: a record that the driver fills in. Offsets are in bytes,
 * addresses are offsets in the linear memory.
 */
export const Slot = {
  /** Which kernel: its index in the function table. */
  KERNEL: 0,
  LENGTH_BYTES: 4,
  /** The sum, or P. */
  P: 8,
  Q: 12,
  SRC_CNT: 16,
  /** What the sum of a run of powers is to be multiplied with: the lowest of its coefficients. */
  LOWEST_COEF: 20,
  /** Of a fill, which has no coefficients. */
  FILL_VALUE: 20,
  /** Written by a worker: `SumCheck` flags of a check. */
  RESULT: 24,
  /** Written by a kernel: of no meaning. */
  LOADED: 28,
  /** 255 addresses. */
  SRCS: 32,
  /** 255 bytes. */
  COEFS: 32 + 4 * 255,
} as const;

/** Size of a slot: whole cache lines. */
export const SLOT_BYTES = 1344;

/**
 * Where the nibble tables are: for each coefficient c the products c * 0 … c * 15, then c * 0x00 … c * 0xf0
 * (as in the kernel's lib/raid6/recov_ssse3.c).
 */
export const NIBBLE_TABLES = 4096;
export const NIBBLE_TABLES_BYTES = 256 * 32;

/** The ring of a worker: counters that both sides only ever load and store atomically, each in a cache line of its own, then slots. */
export const Ring = {
  /** How many transactions the client has issued. */
  ISSUED: 0,
  /** How many the worker has done. */
  DONE: 64,
  /** How many clients sleep. */
  WAITING: 128,
  /** Index of the slot that a new worker starts with. */
  START: 132,
  /** Not 0: the worker is to end. */
  STOP: 136,
  /** How many are to be done when those who sleep want to be woken. */
  WAKE_AT: 140,
  SLOTS: 192,
} as const;
