import { featureNames } from "@dmaengine/md";
import { labelled, mdadmSize, mdadmTime } from "./format.js";
import type { MemberReport, SuperblockReport } from "./member-report.js";

const SECTOR_BYTES = 512;

/** A member's report in the words of `mdadm --examine`. */
export function describeMember(report: MemberReport): string {
  const lines = [`${report.device}:`];
  if (isComplete(report)) lines.push(describeSuperblock(report.version ?? "", report));
  if (report.problem !== null) lines.push(labelled(COLUMNS, [[["Refused", report.problem.reason]]]));
  if (report.alsoFound.length > 0) {
    lines.push(
      labelled(COLUMNS, [[["Also found", `superblocks of version ${report.alsoFound.join(", ")}`]]]),
    );
  }
  return lines.join("\n");
}

const COLUMNS = 15;

function isComplete(report: MemberReport): report is MemberReport & SuperblockReport {
  return report.arrayUuid !== undefined;
}

function describeSuperblock(version: string, report: SuperblockReport): string {
  const sectors = (bytes: number): string => `${bytes / SECTOR_BYTES} sectors`;
  const { featureMap, badBlockLog, recoveryOffsetBytes, level } = report;
  const { usedDevSizeBytes, availDevSizeBytes, arraySizeBytes } = report;
  const features = featureMap === 0 ? "" : ` (${featureNames(featureMap).join(", ")})`;
  return labelled(COLUMNS, [
    [
      ["Magic", "a92b4efc"],
      ["Version", version],
      ["Feature Map", `0x${featureMap.toString(16)}${features}`],
      ["Array UUID", report.arrayUuid],
      ["Name", report.name],
      ["Creation Time", mdadmTime(report.creationTime)],
      ["Raid Level", level < 0 ? String(level) : `raid${level}`],
      ["Raid Devices", report.raidDevices],
    ],
    [
      ["Avail Dev Size", sectors(availDevSizeBytes) + mdadmSize(availDevSizeBytes)],
      arraySizeBytes === null
        ? null
        : ["Array Size", `${arraySizeBytes / 1024} KiB${mdadmSize(arraySizeBytes)}`],
      usedDevSizeBytes === availDevSizeBytes
        ? null
        : ["Used Dev Size", sectors(usedDevSizeBytes) + mdadmSize(usedDevSizeBytes)],
      ["Data Offset", sectors(report.dataOffsetBytes)],
      ["Super Offset", sectors(report.superOffsetBytes)],
      recoveryOffsetBytes === null ? null : ["Recovery Offset", sectors(recoveryOffsetBytes)],
      ["State", report.state],
      ["Device UUID", report.deviceUuid],
    ],
    [
      ["Update Time", mdadmTime(report.updateTime)],
      badBlockLog === null ? null : ["Bad Block Log", describeBadBlockLog(badBlockLog)],
      ["Checksum", `${report.checksum} - correct`],
      ["Events", report.events],
    ],
    [
      report.layout === null ? null : ["Layout", report.layout],
      ["Chunk Size", `${report.chunkSizeBytes / 1024}K`],
    ],
    [
      ["Device Role", report.deviceRole],
      ["Array State", `${report.arrayState} ('A' == active, '.' == missing, 'R' == replacing)`],
    ],
  ]);
}

function describeBadBlockLog(log: NonNullable<SuperblockReport["badBlockLog"]>): string {
  const place = `${log.entries} entries available at offset ${log.offsetBytes / SECTOR_BYTES} sectors`;
  return log.badBlocksPresent ? `${place} - bad blocks present.` : place;
}
