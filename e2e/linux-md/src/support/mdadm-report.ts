/** What `mdadm --examine DEVICE...` says about each member, in the terms of `mdraid examine --json`. */
export function parseExamine(text: string) {
  return text
    .split(/^\/dev\/\w+:$/m)
    .slice(1)
    .map((member) => {
      const { field, lacks } = labelled(member);
      const availDevSizeBytes = sectors(field("Avail Dev Size"));
      return {
        version: field("Version"),
        featureMap: Number(field("Feature Map")),
        arrayUuid: field("Array UUID"),
        name: name(field("Name")),
        creationTime: time(field("Creation Time")),
        level: level(field("Raid Level")),
        raidDevices: Number(field("Raid Devices")),
        availDevSizeBytes,
        // mdadm prints it only where it differs.
        usedDevSizeBytes: lacks("Used Dev Size") ? availDevSizeBytes : sectors(field("Used Dev Size")),
        arraySizeBytes: kibibytes(field("Array Size")),
        dataOffsetBytes: sectors(field("Data Offset")),
        superOffsetBytes: sectors(field("Super Offset")),
        state: field("State"),
        deviceUuid: field("Device UUID"),
        updateTime: time(field("Update Time")),
        checksumCorrect: field("Checksum").endsWith(" - correct"),
        events: Number(field("Events")),
        layout: lacks("Layout") ? null : field("Layout"),
        chunkSizeBytes: kibibytes(field("Chunk Size")),
        deviceRole: field("Device Role"),
        arrayState: field("Array State").split(" ", 1).join(),
      };
    });
}

/** What `mdadm --detail` says about a running array, in the terms of `mdraid detail --json`. */
export function parseDetail(text: string) {
  const { field, lacks } = labelled(text);
  return {
    version: field("Version"),
    creationTime: time(field("Creation Time")),
    level: level(field("Raid Level")),
    arraySizeBytes: kibibytes(field("Array Size")),
    usedDevSizeBytes: kibibytes(field("Used Dev Size")),
    raidDevices: Number(field("Raid Devices")),
    totalDevices: Number(field("Total Devices")),
    updateTime: time(field("Update Time")),
    state: field("State"),
    activeDevices: Number(field("Active Devices")),
    workingDevices: Number(field("Working Devices")),
    failedDevices: Number(field("Failed Devices")),
    spareDevices: Number(field("Spare Devices")),
    layout: lacks("Layout") ? null : field("Layout"),
    chunkSizeBytes: kibibytes(field("Chunk Size")),
    name: name(field("Name")),
    uuid: field("UUID"),
    events: Number(field("Events")),
    // One line per slot, then one per device without a slot. "-" is the number of an empty slot's device, and the slot
    // of a device that has none: "       4     254       48        3      active sync   /dev/vdd"
    devices: [...text.matchAll(/^ +(\d+|-) +\d+ +\d+ +(\d+|-) +(\S+(?: \S+)*?)(?: +\/dev\/\w+)?$/gm)].map(
      ([, number, raidDevice, state]) => ({
        number: numberOrNull(number),
        raidDevice: numberOrNull(raidDevice),
        state: String(state),
      }),
    ),
  };
}

/** The lines "   Label : value" of a report. */
function labelled(report: string) {
  const fields = new Map<string, string>();
  for (const [, label, value] of report.matchAll(/^ *([A-Z][\w ]*?) : (.*?) *$/gm)) {
    fields.set(String(label), String(value));
  }
  return {
    lacks: (label: string): boolean => !fields.has(label),
    field(label: string): string {
      const value = fields.get(label);
      if (value === undefined) {
        throw new Error(`mdadm's report has no line "${label}":\n${report}`);
      }
      return value;
    },
  };
}

/** "2048 sectors" or "30720 sectors (15.00 MiB 15.73 MB)", in bytes. */
function sectors(value: string): number {
  return Number(/^(\d+) sectors/.exec(value)?.[1]) * 512;
}

/** "46080 KiB (45.00 MiB 47.19 MB)", "46080 (45.00 MiB 47.19 MB)" or "64K", in bytes. */
function kibibytes(value: string): number {
  return Number(/^(\d+)(?:K| KiB \(| \()/.exec(`${value} (`)?.[1]) * 1024;
}

/** "raid5" */
function level(value: string): number {
  return Number(/^raid(\d)$/.exec(value)?.[1]);
}

/** The name without the remark "  (local to host box)". */
function name(value: string): string {
  return value.replace(/ {2}\(local to host .*\)$/, "");
}

/** "Sat Nov 21 12:19:29 2026" in the guest's time zone, which is UTC, as ISO 8601. */
function time(value: string): string {
  return new Date(`${value} UTC`).toISOString();
}

function numberOrNull(value: string | undefined): number | null {
  return value === "-" ? null : Number(value);
}
