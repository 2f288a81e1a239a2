import type { ArrayReport, DeviceReport } from "./array-report.js";
import { labelled, mdadmSize, mdadmTime } from "./format.js";

const COLUMNS = 18;

/** An array's report in the words of `mdadm --detail`. */
export function describeArray(report: ArrayReport): string {
  const percent = (bytes: number): string =>
    `${Math.floor((bytes / report.usedDevSizeBytes) * 100)}% complete`;
  const { arraySizeBytes, usedDevSizeBytes, resyncedBytes, recoveredBytes } = report;
  const facts = labelled(COLUMNS, [
    [
      ["Version", report.version],
      ["Creation Time", mdadmTime(report.creationTime)],
      ["Raid Level", `raid${report.level}`],
      ["Array Size", `${arraySizeBytes / 1024}${mdadmSize(arraySizeBytes)}`],
      ["Used Dev Size", `${usedDevSizeBytes / 1024}${mdadmSize(usedDevSizeBytes)}`],
      ["Raid Devices", report.raidDevices],
      ["Total Devices", report.totalDevices],
      ["Persistence", "Superblock is persistent"],
    ],
    [
      ["Update Time", mdadmTime(report.updateTime)],
      ["State", report.state],
      ["Active Devices", report.activeDevices],
      ["Working Devices", report.workingDevices],
      ["Failed Devices", report.failedDevices],
      ["Spare Devices", report.spareDevices],
    ],
    [
      report.layout === null ? null : ["Layout", report.layout],
      ["Chunk Size", `${report.chunkSizeBytes / 1024}K`],
    ],
    [
      ["Consistency Policy", report.consistencyPolicy],
      resyncedBytes === null ? null : ["Resync Status", percent(resyncedBytes)],
      recoveredBytes === null ? null : ["Rebuild Status", percent(recoveredBytes)],
    ],
    [
      ["Name", report.name],
      ["UUID", report.uuid],
      ["Events", report.events],
    ],
  ]);
  const table = ["    Number   RaidDevice   State", ...report.devices.map(describeDevice)].join("\n");
  const rejected = report.rejected.map(({ device, reason }) => `    ${device}: ${reason}`);
  const sections = [facts, table];
  if (report.readOnlyReason !== null) sections.push(`Read only: ${report.readOnlyReason}`);
  if (rejected.length > 0) sections.push(["Left out:", ...rejected].join("\n"));
  return sections.join("\n\n");
}

/** Major and minor numbers, which mdadm has in its table, mean nothing for image files. */
function describeDevice({ number, raidDevice, state, device }: DeviceReport): string {
  const columns = `${String(number ?? "-").padStart(8)} ${String(raidDevice ?? "-").padStart(12)}      ${state}`;
  return device === null ? columns : `${columns.padEnd(44)}   ${device}`;
}
