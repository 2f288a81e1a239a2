/**
 * The field of RAID-6: GF(2^8) with polynomial x^8 + x^4 + x^3 + x^2 + 1 (0x11d) and generator 2,
 * as in H. Peter Anvin, "The mathematics of RAID-6". Not the field of AES.
 *
 * @module
 */

const POLYNOMIAL = 0x11d;
const ORDER = 255;

/** Powers of the generator, twice over, so that the sum of two logarithms needs no reduction. */
const EXP = new Uint8Array(2 * ORDER);
/** Logarithms to base 2; the entry for 0 has no meaning. */
const LOG = new Uint8Array(256);

for (let power = 0, value = 1; power < ORDER; power++) {
  EXP[power] = value;
  EXP[power + ORDER] = value;
  LOG[value] = power;
  value <<= 1;
  if (value > 0xff) value ^= POLYNOMIAL;
}

/** The product of two field elements (0 to 255). */
export function gfMul(a: number, b: number): number {
  if (a === 0 || b === 0) return 0;
  return EXP[(LOG[a] as number) + (LOG[b] as number)] as number;
}

/** `g^power` for any integer power, negative ones too. */
export function gfExp(power: number): number {
  return EXP[((power % ORDER) + ORDER) % ORDER] as number;
}

/** The power of the generator that gives `a`, 0 to 254. Throws a RangeError for 0, which is no power. */
export function gfLog(a: number): number {
  if (a === 0) throw new RangeError("0 has no logarithm in GF(2^8)");
  return LOG[a] as number;
}

/** The inverse of `a`. Throws a RangeError for 0, which has none. */
export function gfInv(a: number): number {
  return EXP[ORDER - gfLog(a)] as number;
}

/** The 256 products of `c`: `table[v]` is `c * v`. */
export function gfMulTable(c: number): Uint8Array {
  const table = new Uint8Array(256);
  for (let v = 1; v < 256; v++) table[v] = gfMul(c, v);
  return table;
}
