import fc from "fast-check";
import { expect, it } from "vitest";
import type { Channel } from "./channel.js";
import type { Descriptor } from "./descriptor.js";
import { DescriptorStore } from "./descriptor-store.js";

it("hands descriptors out in the order in which they came back, each to one user at a time", () => {
  // A number gives the descriptor in that place back; null takes one.
  const step = fc.oneof(fc.constant(null), fc.nat({ max: 4 }));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 60 }), (size, steps) => {
      const store = new DescriptorStore(null as unknown as Channel, size);
      expect(store.all.map(({ index }) => index)).toEqual([...Array(size).keys()]);
      const free: Descriptor[] = [...store.all];
      const taken: Descriptor[] = [];
      for (const place of steps) {
        expect(store.empty).toBe(free.length === 0);
        if (place === null) {
          if (store.empty) continue;
          const descriptor = store.take();
          expect(descriptor).toBe(free.shift());
          taken.push(descriptor);
        } else {
          const [descriptor] = taken.splice(place, 1);
          if (descriptor === undefined) continue;
          store.give(descriptor);
          free.push(descriptor);
        }
      }
    }),
  );
});
