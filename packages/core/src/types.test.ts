/**
 * What does not compile. `tsc` checks this file; at run time only the parts that compile are looked at.
 *
 * @module
 */
import { expectTypeOf, it } from "vitest";
import type { DmaChan } from "./chan.js";
import type { DmaTx, DmaTxDescriptor } from "./descriptor.js";
import {
  type AnyDeviceDefinition,
  type DRIVER_CONTRACT,
  type DriverChannel,
  type DriverChannelControl,
  defineDevice,
} from "./driver-contract.js";
import { DmaEngine } from "./engine.js";
import { DirectDomain } from "./mapping/direct-domain.js";
import type { MemcpyArgs } from "./operations/memcpy.js";
import type { DmaOperation, PrepName, SlaveOperation } from "./operations/operation.js";
import type { PrepXor, XorLimits } from "./operations/xor.js";
import type { DmaSlaveConfig } from "./slave.js";

const control: DriverChannelControl = {
  submit() {},
  issuePending() {},
  poll() {},
  terminateAll() {},
};
const device = { name: "typed0", domain: new DirectDomain("memory"), ringSize: 1 } as const;
const slave = { directions: [], srcAddrWidths: [], dstAddrWidths: [] } as const;

it("a channel has the prep calls of the operations that were asked for", () => {
  const use = (chan: DmaChan<"memcpy" | "xor">): void => {
    expectTypeOf(chan.prepXor).toEqualTypeOf<PrepXor>();
    expectTypeOf(chan.limits.xor).toEqualTypeOf<XorLimits>();
    expectTypeOf(chan.prepMemcpy(0, 0, 1)).toEqualTypeOf<DmaTxDescriptor | null>();
  };
  expectTypeOf(use).parameter(0).toExtend<DmaChan<"memcpy">>();
});

it("a channel has no other prep calls", () => {
  const use = (engine: DmaEngine): void => {
    const chan = engine.requestChannel(["memcpy"]);
    // @ts-expect-error pq was not asked for.
    chan.prepPq;
    // @ts-expect-error nor were its limits.
    chan.limits.pq;
    // @ts-expect-error no peripheral, nothing to configure.
    chan.config({});
    // @ts-expect-error there is no such operation.
    engine.requestChannel(["memmove"]);
    // @ts-expect-error there may be no channel.
    engine.findChannel(["memcpy"]).release();
    engine.findChannel(["memcpy", "pqVal"])?.prepPqVal;
  };
  expectTypeOf(use).parameter(0).toEqualTypeOf<DmaEngine>();
});

it("a full channel's null can't be overlooked", () => {
  const use = (chan: DmaChan<"memcpy">): void => {
    // @ts-expect-error null when there is no room.
    chan.prepMemcpy(0, 0, 1).submit();
  };
  expectTypeOf(use).returns.toEqualTypeOf<void>();
});

it("a slave channel has config and capabilities", () => {
  expectTypeOf<SlaveOperation>().toEqualTypeOf<"slaveSg" | "cyclic">();
  expectTypeOf<DmaChan<"memcpy" | "cyclic">>().toHaveProperty("config");
  expectTypeOf<DmaChan<"slaveSg">["config"]>().parameters.toEqualTypeOf<[DmaSlaveConfig]>();
});

it("names of operations become names of calls", () => {
  expectTypeOf<PrepName<"xorVal">>().toEqualTypeOf<"prepXorVal">();
  expectTypeOf<DriverChannel<"memcpy">["prepMemcpy"]>().parameters.toEqualTypeOf<[DmaTx<"memcpy">]>();
  expectTypeOf<DmaTx<"memcpy">["args"]>().toEqualTypeOf<MemcpyArgs>();
  expectTypeOf<"memcpy">().toExtend<DmaOperation>();
});

it("a device needs a prep call for each operation that it claims", () => {
  const good = defineDevice({
    ...device,
    capabilities: { memcpy: {}, xor: { maxSources: 2 } },
    channels: [
      () => ({ ...control, prepMemcpy: () => true, prepXor: (tx: DmaTx<"xor">) => tx.args.srcCnt === 2 }),
    ],
  });
  expectTypeOf(good).toEqualTypeOf<AnyDeviceDefinition>();
  defineDevice({
    ...device,
    capabilities: { memcpy: {}, xor: { maxSources: 2 } },
    // @ts-expect-error prepXor is missing.
    channels: [() => ({ ...control, prepMemcpy: () => true })],
  });
  defineDevice({
    ...device,
    capabilities: { memcpy: {} },
    // @ts-expect-error a prep call answers whether there is room.
    channels: [() => ({ ...control, prepMemcpy: () => {} })],
  });
  defineDevice({
    ...device,
    // @ts-expect-error xor has limits.
    capabilities: { xor: {} },
    channels: [() => ({ ...control, prepXor: () => true })],
  });
  defineDevice({
    ...device,
    // @ts-expect-error there is no such operation.
    capabilities: { memcpy: {}, memmove: {} },
    // @ts-expect-error so nobody knows which calls it needs.
    channels: [() => ({ ...control, prepMemcpy: () => true })],
  });
});

it("a device with a slave operation needs config in its channels and slave in its description", () => {
  const prepCyclic = (): boolean => true;
  defineDevice({
    ...device,
    slave,
    capabilities: { cyclic: {} },
    channels: [() => ({ ...control, prepCyclic, config() {} })],
  });
  defineDevice({
    ...device,
    slave,
    capabilities: { cyclic: {} },
    // @ts-expect-error config is missing.
    channels: [() => ({ ...control, prepCyclic })],
  });
  // @ts-expect-error slave is missing.
  defineDevice({
    ...device,
    capabilities: { cyclic: {} },
    channels: [() => ({ ...control, prepCyclic, config() {} })],
  });
});

it("the version of the contract can be checked by type", () => {
  expectTypeOf(1 as const).toEqualTypeOf<typeof DRIVER_CONTRACT>();
  expectTypeOf(new DmaEngine().register).parameter(0).toHaveProperty("contract");
});
