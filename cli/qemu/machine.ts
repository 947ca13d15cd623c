/**
 * The virtual machine: the arguments of QEMU that `run` uses and `image` prints.
 *
 * @module
 */

/** The program. */
export const PROGRAM = "qemu-system-x86_64";

/** A port that ends QEMU: a guest that writes v to 0xf4 makes its exit status (v << 1) | 1. */
export const EXIT_DEVICE: readonly string[] = ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"];

/** What a guest writes to that port to report success. */
export const EXIT_SUCCESS = 0x10;

/** A screen for a framebuffer in memory, in place of the VGA card. */
export const RAMFB: readonly string[] = ["-vga", "none", "-device", "ramfb"];
