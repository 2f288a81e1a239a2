export type LinuxVmErrorCode =
  /** The machine lacks programs or the kernel package. */
  | "ERR_VM_MISSING"
  /** The kernel package can't be had, or a program or module can't be put into the initramfs. */
  | "ERR_VM_BUILD"
  /** The script in the guest ended with an exit status other than 0. */
  | "ERR_GUEST_SCRIPT"
  /** Time was up before the guest powered off. */
  | "ERR_VM_TIMEOUT"
  /** QEMU didn't start, or the guest ended before its script did, as after a kernel panic. */
  | "ERR_VM_DIED";

export class LinuxVmError extends Error {
  override readonly name = "LinuxVmError";
  readonly code: LinuxVmErrorCode;

  constructor(code: LinuxVmErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
