import prettyBytes from "pretty-bytes";

/** A number of bytes for people: "1.5 GiB". */
export function formatBytes(bytes: number): string {
  return prettyBytes(bytes, { binary: true });
}

/** A speed for people: "120 MiB/s". */
export function formatRate(bytes: number, millis: number): string {
  return `${formatBytes(millis > 0 ? Math.round((bytes / millis) * 1000) : 0)}/s`;
}

/** A time span for people: "0.42 s", "17 s", "3 min 20 s", "2 h 5 min". */
export function formatMillis(millis: number): string {
  const seconds = Math.round(millis / 1000);
  if (seconds < 10) return `${(millis / 1000).toFixed(millis < 1000 ? 2 : 1)} s`;
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** "1 row", "2 rows". */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/**
 * The two sizes that mdadm puts behind its numbers, " (126.00 MiB 132.12 MB)"; nothing below 5000 KiB.
 * mdadm rounds to hundredths and changes the unit at 2 GiB and 2 TiB (`human_size` in `util.c`).
 */
export function mdadmSize(bytes: number): string {
  if (bytes < 5000 * 1024) return "";
  const step = ["M", "G", "T"].findIndex((_, index) => bytes < 2 * 1024 ** (index + 3));
  const power = (step < 0 ? 2 : step) + 2;
  const unit = "MGT"[power - 2];
  const hundredths = (unitBytes: number): string => (Math.round((bytes * 100) / unitBytes) / 100).toFixed(2);
  return ` (${hundredths(1024 ** power)} ${unit}iB ${hundredths(1000 ** power)} ${unit}B)`;
}

/** A moment as mdadm prints it, in local time: "Sat Nov 21 11:01:09 2026". */
export function mdadmTime(isoTime: string): string {
  const date = new Date(isoTime);
  const [weekday, month, day, year] = date.toDateString().split(" ");
  return `${weekday} ${month} ${String(Number(day)).padStart(2)} ${date.toTimeString().slice(0, 8)} ${year}`;
}

/** A line of a report; null leaves it out. */
export type Line = readonly [label: string, value: string | number] | null;

/** Groups of lines "Label : value", the labels flush right in `columns`, with an empty line between groups: mdadm's form. */
export function labelled(columns: number, groups: readonly (readonly Line[])[]): string {
  return groups
    .map((lines) =>
      lines
        .filter((line) => line !== null)
        .map(([label, value]) => `${label.padStart(columns)} : ${value}`)
        .join("\n"),
    )
    .join("\n\n");
}
