import { existsSync } from "node:fs";
import { unlink } from "node:fs/promises";
import { FileMember } from "@dmaengine/raid456/node";
import { CommandError } from "../errors.js";
import { closeMembers } from "./open-members.js";

/** Devices and images that are to become members. */
export class NewMembers {
  readonly members: FileMember[] = [];
  /** Those of the paths that did not exist before. They are full of zeros. */
  readonly created: string[] = [];

  private constructor() {}

  /**
   * Opens what exists for writing, and creates the rest as sparse images.
   * If one of them can't be had, what was created is removed again.
   *
   * @param sizeBytes length of images that are created; undefined if all have to exist
   */
  static async open(paths: readonly string[], sizeBytes: number | undefined): Promise<NewMembers> {
    const opened = new NewMembers();
    try {
      for (const path of paths) await opened.#open(path, sizeBytes);
      return opened;
    } catch (error) {
      await opened.discard();
      throw error;
    }
  }

  /** Closes all, and removes what was created: nothing became of them. */
  async discard(): Promise<void> {
    await this.close();
    await Promise.all(this.created.map((path) => unlink(path)));
  }

  async close(): Promise<void> {
    await closeMembers(this.members);
  }

  async #open(path: string, sizeBytes: number | undefined): Promise<void> {
    if (existsSync(path)) {
      this.members.push(await FileMember.open(path, { writable: true }));
      return;
    }
    if (sizeBytes === undefined) {
      throw new CommandError("ERR_MDRAID_REFUSED", `${path} does not exist; with --size it is created`);
    }
    this.members.push(await FileMember.create(path, sizeBytes));
    this.created.push(path);
  }
}
