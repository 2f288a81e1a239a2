import { describe, expect, it } from "vitest";
import { Feature } from "./feature-map.js";
import { arrayState, describeRole, ownRole, ROLE_FAULTY, ROLE_JOURNAL, ROLE_SPARE } from "./role.js";
import { parseSuperblock1, updateSuperblock1 } from "./superblock-1-codec.js";
import { goldenSuperblock12 } from "./testing/golden.js";

const golden = parseSuperblock1(goldenSuperblock12(), 8);
const withRoles = (...devRoles: number[]) => updateSuperblock1(golden, { devRoles });

describe("roles", () => {
  it("go by device number, not by slot", () => {
    expect(ownRole(withRoles(1, 2, 0))).toBe(2);
    expect(ownRole(withRoles(0))).toBe(ROLE_SPARE);
  });

  it("read as in mdadm", () => {
    expect(describeRole(golden)).toBe("Active device 1");
    expect(describeRole(withRoles(0, ROLE_SPARE))).toBe("spare");
    expect(describeRole(withRoles(0, ROLE_FAULTY))).toBe("faulty");
    expect(describeRole(withRoles(0, ROLE_JOURNAL))).toBe("Journal");
    const replacement = updateSuperblock1(golden, {
      featureMap: Feature.REPLACEMENT | Feature.RECOVERY_OFFSET,
    });
    expect(describeRole(replacement)).toBe("Replacement device 1");
  });

  it("add up to the state of the array", () => {
    expect(arrayState(golden)).toBe("AAA");
    expect(arrayState(withRoles(0, 0, ROLE_FAULTY, 2, ROLE_SPARE, ROLE_JOURNAL))).toBe("R.A");
    expect(arrayState(withRoles(1, 1, 1, 7))).toBe(".?.");
  });
});
