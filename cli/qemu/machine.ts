/**
 * The virtual machine: the QEMU arguments that `run` uses and `image` prints.
 *
 * @module
 */

/** The program. */
export const PROGRAM = "qemu-system-x86_64";

/** A port that ends QEMU: when the guest writes v to port 0xf4, QEMU exits with status (v << 1) | 1. */
export const EXIT_DEVICE: readonly string[] = ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"];

/** What a guest writes to that port to report success. */
export const EXIT_SUCCESS = 0x10;

/** A display for a framebuffer in memory, instead of the VGA card. */
export const RAMFB: readonly string[] = ["-vga", "none", "-device", "ramfb"];
