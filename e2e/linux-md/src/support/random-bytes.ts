import { createCipheriv, createHash } from "node:crypto";

/** All random data of a run follows from this number; DMAENGINE_SEED sets it. Test titles show it. */
export const seed = Number(process.env["DMAENGINE_SEED"] ?? 1);

/** `lengthBytes` bytes that look random and depend on nothing but the {@link seed} and `label`. */
export function randomBytes(label: string, lengthBytes: number): Buffer {
  const key = createHash("sha256").update(`${seed} ${label}`).digest();
  return createCipheriv("aes-256-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(lengthBytes));
}
