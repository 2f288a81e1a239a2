import { describe, expect, it } from "vitest";
import { leastLoaded, measured, roundRobin, type SelectionPolicy } from "./policy.js";

const channel = (name: string, inFlight = 0) => ({ name, inFlight });
const [a, b, c] = [channel("a"), channel("b"), channel("c")];

/** Names of the channels that get so many operations, each of which takes as long as `nanos` says. */
function play(
  policy: SelectionPolicy,
  count: number,
  lengthBytes: number,
  nanos: (name: string) => number = () => 1,
) {
  return Array.from({ length: count }, () => {
    const chosen = policy.choose([a, b, c], lengthBytes);
    policy.taken?.(chosen, lengthBytes);
    policy.ended?.(chosen, lengthBytes, nanos(chosen.name));
    return chosen.name;
  }).join("");
}

describe("round robin", () => {
  it("takes each in turn, and one that is late at once but not more often than the others", () => {
    const policy = roundRobin();
    expect(play(policy, 7, 1)).toBe("abcabca");
    policy.taken?.(channel("d"), 1);
    const order = Array.from({ length: 4 }, () => {
      const chosen = policy.choose([a, b, c, channel("e")], 1);
      policy.taken?.(chosen, 1);
      return chosen.name;
    });
    expect(order).toEqual(["e", "b", "c", "a"]);
  });

  it("doesn't move on because somebody asks", () => {
    const policy = roundRobin();
    expect([policy.choose([a, b], 1), policy.choose([a, b], 1)]).toEqual([a, a]);
  });
});

describe("least loaded", () => {
  it("takes the one with the fewest in flight, the first of equals", () => {
    expect(leastLoaded().choose([channel("a", 2), channel("b", 1), channel("c", 1)], 1).name).toBe("b");
  });
});

describe("measured throughput", () => {
  it("tries each, then keeps to the fastest, and looks at the others now and then", () => {
    const policy = measured({ now: () => 0, exploreEvery: 8 });
    const order = play(policy, 32, 4096, (name) => ({ a: 300, b: 100, c: 200 })[name] as number);
    expect(order.slice(0, 7)).toBe("abcbbbb");
    expect(order).toBe("abcbbbba" + "bbbbbbbc" + "bbbbbbba" + "bbbbbbbc");
  });

  it("judges each size by itself", () => {
    const policy = measured({ now: () => 0 });
    const nanos = (size: number) => (name: string) => (name === "a" ? size : 1000);
    expect(play(policy, 6, 64, nanos(64))).toBe("abcaaa");
    expect(play(policy, 6, 65536, nanos(65536))).toBe("abcbbb");
    expect(play(policy, 3, 100, nanos(64))).toBe("aaa");
    expect(play(policy, 1, 0)).toBe("a");
  });

  it("follows a change", () => {
    const policy = measured({ now: () => 0, exploreEvery: 4 });
    play(policy, 12, 4096, (name) => (name === "a" ? 1 : 10));
    const order = play(policy, 200, 4096, (name) => (name === "a" ? 100 : 10));
    expect(order.slice(-100).match(/a/g)?.length ?? 0).toBeLessThan(20);
  });

  it("has a clock of its own if it is given none", () => {
    const { now } = measured();
    const [first, second] = [now?.() ?? Number.NaN, now?.() ?? Number.NaN];
    expect(second).toBeGreaterThanOrEqual(first);
  });
});
