import { describe, expect, it } from "vitest";
import { DMA_CTRL_ACK } from "../../flags.js";
import { DmaTransferDirection } from "../../slave.js";
import type { ModelOptions } from "../../testing/model-driver.js";
import { must, refusal, rejection, rig } from "../../testing/rig.js";
import { DirectDomain } from "../direct-domain.js";
import { DmaDirection } from "../direction.js";
import { DMA_MAPPING_ERROR } from "../domain.js";
import { Scatterlist } from "../scatterlist.js";
import type { DmaCheckerOptions } from "./checker.js";
import { type DmaCheck, DmaCheckError } from "./checks.js";

const { TO_DEVICE, FROM_DEVICE, BIDIRECTIONAL } = DmaDirection;
const OPERATIONS = ["memcpy", "xor", "cyclic"] as const;

const watched = (options: ModelOptions = {}, checker: DmaCheckerOptions | boolean = true) =>
  rig(OPERATIONS, { ringSize: 8, ...options }, { checker });

/** The checker's error of this class that `act` throws. Told with both places: where it was found and, if there is one, the mapping's. */
function misuse(check: DmaCheck, act: () => unknown): DmaCheckError {
  const error = refusal("ERR_DMA_CHECK", act) as DmaCheckError;
  expect(error).toBeInstanceOf(DmaCheckError);
  expect(error.check).toBe(check);
  expect(error.stack).toContain("checker.test");
  if (error.cause !== undefined) expect((error.cause as Error).stack).toContain("checker.test");
  return error;
}

describe("at unmap", () => {
  it("1: the result of a failed mapping", async () => {
    const { device } = await watched();
    misuse("unmap-mapping-error", () => device.unmapSingle(DMA_MAPPING_ERROR, 16, TO_DEVICE));
    device.unmapSingle(device.mapSingle(new Uint8Array(16), TO_DEVICE), 16, TO_DEVICE);
  });

  it("2: memory that is not mapped, not any more, or for another device", async () => {
    const { device, engine, driver } = await watched();
    misuse("unmap-not-mapped", () => device.unmapSingle(0x1234, 16, TO_DEVICE));
    const memory = new Uint8Array(16);
    const addr = device.mapSingle(memory, TO_DEVICE);
    misuse("unmap-not-mapped", () => device.unmapSingle(addr + 4, 12, TO_DEVICE));
    device.unmapSingle(addr, 16, TO_DEVICE);
    misuse("unmap-not-mapped", () => device.unmapSingle(addr, 16, TO_DEVICE));
    const { ModelDriver } = await import("../../testing/model-driver.js");
    const [neighbour] = await engine.register(new ModelDriver({ name: "model1", domain: driver.domain }));
    device.mapSingle(memory, TO_DEVICE);
    misuse("unmap-not-mapped", () => must(neighbour).unmapSingle(addr, 16, TO_DEVICE));
    device.unmapSingle(addr, 16, TO_DEVICE);
  });

  it("3: another length", async () => {
    const { device } = await watched();
    const addr = device.mapSingle(new Uint8Array(16), TO_DEVICE);
    expect(misuse("unmap-length", () => device.unmapSingle(addr, 8, TO_DEVICE)).message).toBe(
      "model0: unmaps 8 bytes of a mapping of 16",
    );
    device.unmapSingle(device.mapSingle(new Uint8Array(16), TO_DEVICE), 16, TO_DEVICE);
  });

  it("4: another kind of mapping", async () => {
    const { device } = await watched();
    const sgl = new Scatterlist(1).add(new Uint8Array(16));
    device.mapSg(sgl, 1, TO_DEVICE);
    misuse("unmap-kind", () => device.unmapSingle(must(sgl.dmaAddr[0]), 16, TO_DEVICE));
    const { dmaAddr } = device.allocCoherent(16);
    misuse("unmap-kind", () => device.unmapSingle(dmaAddr, 16, BIDIRECTIONAL));
    device.mapSg(sgl, 1, TO_DEVICE);
    device.unmapSg(sgl, 1, TO_DEVICE);
    device.freeCoherent(device.allocCoherent(16));
  });

  it("6: another number of entries", async () => {
    const { device } = await watched();
    const sgl = new Scatterlist(2).add(new Uint8Array(16)).add(new Uint8Array(16));
    device.mapSg(sgl, 2, TO_DEVICE);
    misuse("unmap-sg-count", () => device.unmapSg(sgl, 1, TO_DEVICE));
    const other = new Scatterlist(2).add(new Uint8Array(16)).add(new Uint8Array(16));
    device.mapSg(other, 1, TO_DEVICE);
    device.unmapSg(other, 1, TO_DEVICE);
  });

  it("7: another direction", async () => {
    const { device } = await watched();
    const addr = device.mapSingle(new Uint8Array(16), TO_DEVICE);
    misuse("unmap-direction", () => device.unmapSingle(addr, 16, BIDIRECTIONAL));
    device.unmapSingle(device.mapSingle(new Uint8Array(16), BIDIRECTIONAL), 16, BIDIRECTIONAL);
  });

  it("8: an address that nobody tested, if that is asked for", async () => {
    const { device } = await watched({}, { requireMappingErrorTest: true });
    const untested = device.mapSingle(new Uint8Array(16), TO_DEVICE);
    misuse("mapping-error-not-tested", () => device.unmapSingle(untested, 16, TO_DEVICE));
    const tested = device.mapSingle(new Uint8Array(16), TO_DEVICE);
    expect(device.mappingError(tested)).toBe(false);
    device.unmapSingle(tested, 16, TO_DEVICE);
    const memory = new Uint8Array(16);
    const twice = [device.mapSingle(memory, TO_DEVICE), device.mapSingle(memory, TO_DEVICE)];
    for (const addr of twice) device.mappingError(addr);
    for (const addr of twice) device.unmapSingle(addr, 16, TO_DEVICE);
    const relaxed = await watched();
    relaxed.device.unmapSingle(relaxed.device.mapSingle(new Uint8Array(16), TO_DEVICE), 16, TO_DEVICE);
  });

  it("several mappings of one address: only a perfect match counts", async () => {
    const { device } = await watched();
    const memory = new Uint8Array(32);
    const addr = device.mapPage(memory, 0, 16, TO_DEVICE);
    device.mapPage(memory, 0, 32, TO_DEVICE);
    misuse("unmap-not-mapped", () => device.unmapSingle(addr, 8, TO_DEVICE));
    device.unmapSingle(addr, 32, TO_DEVICE);
    device.unmapSingle(addr, 16, TO_DEVICE);
  });

  it("the mapping goes even after an error, as in Linux", async () => {
    const { device, driver } = await watched();
    const addr = device.mapSingle(new Uint8Array(16), TO_DEVICE);
    misuse("unmap-direction", () => device.unmapSingle(addr, 16, FROM_DEVICE));
    expect(driver.domain.space.find(addr, 1)).toBeNull();
    misuse("unmap-not-mapped", () => device.unmapSingle(addr, 16, TO_DEVICE));
    expect(device.stats().mapping).toMatchObject({ maps: 1, unmaps: 1 });
  });
});

describe("9: when a device goes", () => {
  it("with mappings left, is an error, and the driver stays", async () => {
    const { engine, device, driver, chan } = await watched();
    chan.release();
    const addr = device.mapSingle(new Uint8Array(16), TO_DEVICE);
    const error = (await rejection("ERR_DMA_CHECK", engine.unregister(driver))) as DmaCheckError;
    expect(error.check).toBe("leak");
    expect(error.message).toContain("1 live mappings, for example one of 16 bytes TO_DEVICE");
    expect((error.cause as Error).stack).toContain("checker.test");
    device.unmapSingle(addr, 16, TO_DEVICE);
    await engine.unregister(driver);
  });

  it("with coherent memory left, too", async () => {
    const { engine, device, driver, chan } = await watched();
    chan.release();
    const memory = device.allocCoherent(16);
    expect(await rejection("ERR_DMA_CHECK", engine.unregister(driver))).toMatchObject({ check: "leak" });
    device.freeCoherent(memory);
    await engine.unregister(driver);
  });
});

describe("at sync", () => {
  it("14: memory that is not mapped", async () => {
    const { device } = await watched();
    misuse("sync-not-mapped", () => device.syncSingleForCpu(0x1234, 16, TO_DEVICE));
    misuse("sync-not-mapped", () => device.syncSingleForDevice(0x1234, 16, TO_DEVICE));
    const addr = device.mapSingle(new Uint8Array(16), TO_DEVICE);
    device.syncSingleForCpu(addr, 16, TO_DEVICE);
    device.syncSingleForDevice(addr, 16, TO_DEVICE);
  });

  it("15: beyond the end of a mapping", async () => {
    const { device } = await watched();
    const addr = device.mapSingle(new Uint8Array(16), BIDIRECTIONAL);
    misuse("sync-past-end", () => device.syncSingleForCpu(addr + 8, 9, BIDIRECTIONAL));
    device.syncSingleForCpu(addr + 8, 8, BIDIRECTIONAL);
  });

  it("16: in another direction than the mapping's", async () => {
    const { device } = await watched();
    const from = device.mapSingle(new Uint8Array(16), FROM_DEVICE);
    misuse("sync-direction", () => device.syncSingleForCpu(from, 16, TO_DEVICE));
    const to = device.mapSingle(new Uint8Array(16), TO_DEVICE);
    misuse("sync-direction", () => device.syncSingleForDevice(to, 16, BIDIRECTIONAL));
    const both = device.mapSingle(new Uint8Array(16), BIDIRECTIONAL);
    for (const direction of [TO_DEVICE, FROM_DEVICE, BIDIRECTIONAL]) {
      device.syncSingleForCpu(both, 16, direction);
      device.syncSingleForDevice(both, 16, direction);
    }
  });

  it("17: for the CPU, of what the device only reads", async () => {
    const { device } = await watched();
    const addr = device.mapSingle(new Uint8Array(16), TO_DEVICE);
    for (const direction of [FROM_DEVICE, BIDIRECTIONAL]) {
      misuse("sync-for-cpu-read-only", () => device.syncSingleForCpu(addr, 16, direction));
    }
    device.syncSingleForCpu(addr, 16, TO_DEVICE);
  });

  it("18: for the device, of what it only writes", async () => {
    const { device } = await watched();
    const addr = device.mapSingle(new Uint8Array(16), FROM_DEVICE);
    for (const direction of [TO_DEVICE, BIDIRECTIONAL]) {
      misuse("sync-for-device-write-only", () => device.syncSingleForDevice(addr, 16, direction));
    }
    device.syncSingleForDevice(addr, 16, FROM_DEVICE);
  });

  it("19: another number of entries", async () => {
    const { device } = await watched();
    const sgl = new Scatterlist(2).add(new Uint8Array(16)).add(new Uint8Array(16));
    device.mapSg(sgl, 2, BIDIRECTIONAL);
    misuse("sync-sg-count", () => device.syncSgForCpu(sgl, 1, BIDIRECTIONAL));
    misuse("sync-sg-count", () => device.syncSgForDevice(sgl, 1, BIDIRECTIONAL));
    device.syncSgForCpu(sgl, 2, BIDIRECTIONAL);
    device.syncSgForDevice(sgl, 2, BIDIRECTIONAL);
    device.syncSingleForCpu(must(sgl.dmaAddr[0]), 16, BIDIRECTIONAL);
  });
});

describe("at the mapping of a scatterlist", () => {
  it("20: a segment that is too long", async () => {
    const { device } = await watched({ maxSegmentBytes: 16 });
    const sgl = new Scatterlist(2).add(new Uint8Array(16)).add(new Uint8Array(17));
    misuse("sg-segment-length", () => device.mapSg(sgl, 2, TO_DEVICE));
    expect(device.stats().mapping).toMatchObject({ maps: 1, unmaps: 1 });
    expect(device.mapSg(sgl, 1, TO_DEVICE)).toBe(1);
  });

  it("21: a segment that crosses a boundary", async () => {
    const { device, driver } = await watched({ segmentBoundaryBytes: 64 });
    const memory = new Uint8Array(128);
    misuse("sg-segment-boundary", () => device.mapSg(new Scatterlist(1).add(memory, 60, 5), 1, TO_DEVICE));
    expect(driver.domain.space.find(4096, 128)).toBeNull();
    expect(device.mapSg(new Scatterlist(1).add(memory, 60, 4), 1, TO_DEVICE)).toBe(1);
  });
});

describe("22: overlap", () => {
  it("of one byte is an error, in any mix of directions that can write, whichever device maps", async () => {
    const { device } = await watched();
    const memory = new Uint8Array(64);
    for (const first of [TO_DEVICE, FROM_DEVICE, BIDIRECTIONAL]) {
      for (const second of [TO_DEVICE, FROM_DEVICE, BIDIRECTIONAL]) {
        const addr = device.mapPage(memory, 0, 32, first);
        if (first === TO_DEVICE && second === TO_DEVICE) {
          device.unmapPage(device.mapPage(memory, 31, 32, second), 32, second);
        } else {
          misuse("overlap", () => device.mapPage(memory, 31, 32, second));
          misuse("overlap", () => device.mapSg(new Scatterlist(1).add(memory, 31, 32), 1, second));
        }
        device.unmapPage(device.mapPage(memory, 32, 32, second), 32, second);
        device.unmapPage(addr, 32, first);
      }
    }
    expect(device.stats().mapping.maps).toBe(device.stats().mapping.unmaps);
  });

  it("is found across views, domains and devices", async () => {
    const { device, engine } = await watched();
    const { ModelDriver } = await import("../../testing/model-driver.js");
    const [other] = await engine.register(new ModelDriver({ name: "model1" }));
    const memory = new Uint8Array(64);
    device.mapSingle(memory.subarray(0, 32), BIDIRECTIONAL);
    const error = misuse("overlap", () => must(other).mapSingle(memory.subarray(16), TO_DEVICE));
    expect(error.message).toBe(
      "model1: maps 48 bytes TO_DEVICE that overlap a live mapping of 32 bytes BIDIRECTIONAL for model0; " +
        "unmap that one first, or sync instead of mapping again",
    );
    must(other).mapSingle(memory.subarray(32), TO_DEVICE);
  });
});

describe("the CPU's writes to a device's memory", () => {
  it("are found at unmap, with the byte and both places", async () => {
    const { device } = await watched();
    for (const direction of [TO_DEVICE, FROM_DEVICE, BIDIRECTIONAL]) {
      const memory = new Uint8Array(100);
      const addr = device.mapSingle(memory, direction);
      memory[42] = 1;
      expect(misuse("cpu-write", () => device.unmapSingle(addr, 100, direction)).message).toContain(
        "byte 42 of 100",
      );
      device.unmapSingle(device.mapSingle(memory, direction), 100, direction);
      const first = device.mapSingle(memory, direction);
      memory[0] = 77;
      misuse("cpu-write", () => device.unmapSingle(first, 100, direction));
    }
  });

  it("are found at sync for the CPU, in the part that is synced", async () => {
    const { device } = await watched();
    const memory = new Uint8Array(100);
    const addr = device.mapSingle(memory, BIDIRECTIONAL);
    memory[42] = 1;
    device.syncSingleForCpu(addr, 42, BIDIRECTIONAL);
    misuse("cpu-write", () => device.syncSingleForCpu(addr + 42, 1, BIDIRECTIONAL));
  });

  it("are allowed between sync for the CPU and sync for the device, in that part", async () => {
    const { device } = await watched();
    const memory = new Uint8Array(100);
    const addr = device.mapSingle(memory, BIDIRECTIONAL);
    device.syncSingleForCpu(addr + 10, 10, BIDIRECTIONAL);
    memory.fill(1, 10, 20);
    device.syncSingleForDevice(addr + 10, 10, BIDIRECTIONAL);
    memory[9] = 1;
    misuse("cpu-write", () => device.unmapSingle(addr, 100, BIDIRECTIONAL));
    const again = device.mapSingle(memory, BIDIRECTIONAL);
    device.syncSingleForCpu(again, 100, BIDIRECTIONAL);
    memory.fill(2);
    device.unmapSingle(again, 100, BIDIRECTIONAL);
  });

  it("after the hand-back are found again", async () => {
    const { device } = await watched();
    const memory = new Uint8Array(100);
    const addr = device.mapSingle(memory, TO_DEVICE);
    device.syncSingleForCpu(addr, 100, TO_DEVICE);
    memory.fill(1);
    device.syncSingleForDevice(addr, 100, TO_DEVICE);
    memory[3] = 2;
    misuse("cpu-write", () => device.unmapSingle(addr, 100, TO_DEVICE));
  });

  it("are found at the submit of a transaction that touches them", async () => {
    const { device, chan } = await watched();
    const memory = new Uint8Array(64);
    const addr = device.mapSingle(memory, BIDIRECTIONAL);
    memory[8] = 1;
    const tx = must(chan.prepMemcpy(addr + 32, addr, 16));
    misuse("cpu-write", () => tx.submit());
    must(chan.prepMemcpy(addr + 32, addr + 16, 16)).submit();
  });

  it("are told from the device's own, which stay", async () => {
    const { device, chan, model } = await watched();
    const memory = Uint8Array.from({ length: 64 }, (_, i) => i);
    const addr = device.mapSingle(memory, BIDIRECTIONAL);
    must(chan.prepMemcpy(addr + 32, addr, 16)).submit();
    must(chan.prepMemcpy(addr + 48, addr + 32, 16)).submit();
    must(chan.prepMemcpy(addr + 32, addr + 1, 16)).submit();
    chan.issuePending();
    model.finish(2);
    model.finish(1);
    must(chan.prepMemcpy(addr, addr + 48, 8)).submit();
    chan.issuePending();
    model.finish();
    memory[33] = 99;
    expect(misuse("cpu-write", () => device.unmapSingle(addr, 64, BIDIRECTIONAL)).message).toContain(
      "byte 33",
    );
  });

  it("that completion finds are reported, because no client is on the stack", async () => {
    const { device, chan, model, uncaught } = await watched();
    const memory = new Uint8Array(64);
    const unmap = device.getUnmapData(1);
    unmap.addr[0] = device.mapSingle(memory, BIDIRECTIONAL);
    unmap.bidiCnt = 1;
    unmap.len = 64;
    const tx = must(chan.prepMemcpy(must(unmap.addr[0]) + 32, must(unmap.addr[0]), 16));
    tx.setUnmap(unmap);
    unmap.put();
    const { done } = tx;
    tx.submit();
    chan.issuePending();
    memory[60] = 1;
    model.finish();
    await done;
    expect(uncaught).toMatchObject([{ code: "ERR_DMA_CHECK", check: "cpu-write" }]);
    expect(device.stats().unmapRecords).toBe(0);
  });

  it("are not looked for where caches change what the CPU sees, except in what the device only reads", async () => {
    const domain = Object.assign(new DirectDomain("cached"), { coherent: false });
    const { device } = await watched({ domain });
    const memory = new Uint8Array(64);
    const both = device.mapSingle(memory, BIDIRECTIONAL);
    memory[1] = 1;
    device.unmapSingle(both, 64, BIDIRECTIONAL);
    const to = device.mapSingle(memory, TO_DEVICE);
    memory[1] = 2;
    misuse("cpu-write", () => device.unmapSingle(to, 64, TO_DEVICE));
  });
});

describe("the CPU's reads of what the device is to write", () => {
  it("get poison", async () => {
    const { device, chan, model } = await watched();
    const memory = new Uint8Array(32).fill(7);
    const src = device.mapSingle(new Uint8Array(16).fill(3), TO_DEVICE);
    const dst = device.mapPage(memory, 0, 24, FROM_DEVICE);
    expect([...memory.subarray(22, 26)]).toEqual([0x5a, 0x5a, 7, 7]);
    must(chan.prepMemcpy(dst, src, 16)).submit();
    chan.issuePending();
    model.finish();
    device.unmapPage(dst, 24, FROM_DEVICE);
    expect([...memory.subarray(14, 18)]).toEqual([3, 3, 0x5a, 0x5a]);
    const kept = new Uint8Array(4).fill(7);
    for (const direction of [TO_DEVICE, BIDIRECTIONAL]) {
      device.unmapSingle(device.mapSingle(kept, direction), 4, direction);
      expect([...kept]).toEqual([7, 7, 7, 7]);
    }
  });
});

describe("at the submit of a transaction", () => {
  it("memory that is not mapped", async () => {
    const { device, chan } = await watched();
    const addr = device.mapSingle(new Uint8Array(64), BIDIRECTIONAL);
    const strayRead = must(chan.prepMemcpy(addr, 0x10, 16));
    expect(misuse("device-access-unmapped", () => strayRead.submit()).message).toBe(
      "model0: memcpy on dma0chan0 reads 16 bytes at 0x10, which are not mapped",
    );
    misuse("device-access-unmapped", () => must(chan.prepMemcpy(0x10, addr, 16)).submit());
    must(chan.prepMemcpy(addr, addr + 32, 16)).submit();
  });

  it("memory that is not mapped any more", async () => {
    const { device, chan } = await watched();
    const addr = device.mapSingle(new Uint8Array(64), BIDIRECTIONAL);
    const tx = must(chan.prepMemcpy(addr, addr + 32, 16));
    device.unmapSingle(addr, 64, BIDIRECTIONAL);
    misuse("device-access-unmapped", () => tx.submit());
  });

  it("memory beyond a mapping, even if the next bytes are mapped by themselves", async () => {
    const { device, chan } = await watched();
    const memory = new Uint8Array(64);
    const addr = device.mapPage(memory, 0, 32, BIDIRECTIONAL);
    device.mapPage(memory, 32, 32, BIDIRECTIONAL);
    misuse("device-access-past-end", () => must(chan.prepMemcpy(addr + 48, addr + 24, 9)).submit());
    must(chan.prepMemcpy(addr + 48, addr + 24, 8)).submit();
  });

  it("memory against the direction", async () => {
    const { device, chan } = await watched();
    const to = device.mapSingle(new Uint8Array(64), TO_DEVICE);
    const from = device.mapSingle(new Uint8Array(64), FROM_DEVICE);
    misuse("device-access-direction", () => must(chan.prepMemcpy(from, from + 32, 16)).submit());
    misuse("device-access-direction", () => must(chan.prepMemcpy(to, to + 32, 16)).submit());
    must(chan.prepMemcpy(from, to, 16)).submit();
    // In place: the destination is read, too.
    misuse("device-access-direction", () => must(chan.prepXor(from, [from, to], 2, 16)).submit());
  });

  it("memory that belongs to the CPU", async () => {
    const { device, chan } = await watched();
    const addr = device.mapSingle(new Uint8Array(64), BIDIRECTIONAL);
    device.syncSingleForCpu(addr + 8, 8, BIDIRECTIONAL);
    const tx = must(chan.prepMemcpy(addr + 32, addr, 16));
    misuse("device-access-cpu-owned", () => tx.submit());
    must(chan.prepMemcpy(addr + 32, addr, 8)).submit();
    device.syncSingleForDevice(addr + 8, 8, BIDIRECTIONAL);
    tx.submit();
  });

  it("leaves the descriptor prepared and the channel as it was", async () => {
    const { device, chan, model } = await watched();
    const memory = new Uint8Array(64);
    const tx = must(chan.prepMemcpy(4096, 4096 + 32, 16));
    misuse("device-access-unmapped", () => tx.submit());
    expect([tx.cookie, chan.inFlight]).toEqual([-16, 0]);
    expect(device.mapSingle(memory, BIDIRECTIONAL)).toBe(4096);
    expect(tx.submit()).toBe(2);
    chan.issuePending();
    model.finish();
    device.unmapSingle(4096, 64, BIDIRECTIONAL);
  });

  it("coherent memory may be touched by both at any time", async () => {
    const { device, chan, model } = await watched();
    const { bytes, dmaAddr } = device.allocCoherent(64);
    must(chan.prepCyclic(dmaAddr, 64, 16, DmaTransferDirection.DEV_TO_MEM)).submit();
    must(chan.prepMemcpy(dmaAddr, dmaAddr + 32, 16)).submit();
    chan.issuePending();
    bytes.fill(3);
    chan.terminate();
    device.freeCoherent({ bytes, dmaAddr });
    expect(model.issued).toEqual([]);
  });
});

describe("while a transaction is in flight", () => {
  it("its memory must stay mapped", async () => {
    const { device, chan, model } = await watched();
    const addr = device.mapSingle(new Uint8Array(64), BIDIRECTIONAL);
    const other = device.mapSingle(new Uint8Array(64), BIDIRECTIONAL);
    must(chan.prepMemcpy(addr, addr + 32, 16)).submit();
    must(chan.prepMemcpy(other, other + 32, 16)).submit();
    misuse("unmap-in-flight", () => device.unmapSingle(addr, 64, BIDIRECTIONAL));
    chan.issuePending();
    model.issued.splice(0, 2).forEach((tx) => {
      model.host.complete(tx);
    });
    device.unmapSingle(other, 64, BIDIRECTIONAL);
  });

  it("its memory may lose one of several mappings", async () => {
    const { device, chan, model } = await watched();
    const memory = new Uint8Array(64);
    const dst = device.mapSingle(new Uint8Array(64), FROM_DEVICE);
    const small = device.mapPage(memory, 16, 16, TO_DEVICE);
    const large = device.mapPage(memory, 20, 44, TO_DEVICE);
    must(chan.prepMemcpy(dst, small + 8, 8)).submit();
    device.unmapSingle(small, 16, TO_DEVICE);
    device.syncSingleForCpu(large, 4, TO_DEVICE);
    misuse("sync-in-flight", () => device.syncSingleForCpu(large + 4, 1, TO_DEVICE));
    misuse("unmap-in-flight", () => device.unmapSingle(large, 44, TO_DEVICE));
    chan.terminate();
    expect(model.issued).toEqual([]);
  });

  it("its memory must not go to the CPU; other parts may", async () => {
    const { device, chan, model } = await watched();
    const addr = device.mapSingle(new Uint8Array(64), BIDIRECTIONAL);
    must(chan.prepMemcpy(addr, addr + 32, 16)).submit();
    misuse("sync-in-flight", () => device.syncSingleForCpu(addr, 64, BIDIRECTIONAL));
    misuse("sync-in-flight", () => device.syncSingleForCpu(addr + 47, 1, BIDIRECTIONAL));
    device.syncSingleForCpu(addr + 16, 16, BIDIRECTIONAL);
    chan.issuePending();
    model.finish();
    device.syncSingleForCpu(addr, 64, BIDIRECTIONAL);
  });

  it("that was terminated, too, until the engine has come to rest", async () => {
    let rest = (): void => {};
    const { device, chan } = await watched({
      extra: {
        synchronize: () =>
          new Promise<void>((resolve) => {
            rest = resolve;
          }),
      },
    });
    const addr = device.mapSingle(new Uint8Array(64), BIDIRECTIONAL);
    must(chan.prepMemcpy(addr, addr + 32, 16)).submit();
    chan.terminate();
    misuse("sync-in-flight", () => device.syncSingleForCpu(addr, 64, BIDIRECTIONAL));
    rest();
    await chan.synchronize();
    device.syncSingleForCpu(addr, 64, BIDIRECTIONAL);
  });
});

it("is off by default, and then watches nothing", async () => {
  const { device, chan } = await rig(OPERATIONS);
  const memory = new Uint8Array(64).fill(1);
  const addr = device.mapSingle(memory, FROM_DEVICE);
  expect(device.mapSingle(memory, FROM_DEVICE)).toBe(addr);
  expect(memory[0]).toBe(1);
  must(chan.prepMemcpy(0x10, addr, 16, DMA_CTRL_ACK)).submit();
  device.unmapSingle(addr, 8, TO_DEVICE);
});
