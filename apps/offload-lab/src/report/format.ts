/** 1234567 as "1,234,567", whatever the machine's language. */
export function count(number: number): string {
  return Math.round(number).toLocaleString("en-US");
}

/** Nanoseconds as microseconds. */
export function micros(nanos: number): string {
  return count(nanos / 1000);
}

/** A ratio as "1.53×". */
export function times(ratio: number): string {
  return `${ratio.toFixed(2)}×`;
}
