/**
 * The causes that are told apart.
 *
 * @module
 */

/** The codes of all causes that are told apart. */
export const CAUSE_CODES = [
  // Pages
  "relro-sealed",
  "header-not-writable",
  "header-not-executable",
  "tables-changed",
  // Addresses
  "null-pointer",
  "limine-unanswered",
  "vga-memory",
  "physical-address",
  "stack-overflow",
  "stack-overrun",
  "stack-pointer",
  "entry-returned",
  "not-canonical",
  "wild-jump",
  // How the kernel was entered
  "entry-is-physical",
  "entry-not-mapped",
  "entry-not-reached",
  "code-for-32-bit",
  "protocol-not-followed",
  "user-program",
  // Instructions
  "zero-filled-code",
  "undefined-on-purpose",
  "breakpoint",
  "invalid-opcode",
  "syscall-disabled",
  "sse-disabled",
  "avx-disabled",
  "fpu-disabled",
  "feature-disabled",
  "misaligned-operand",
  "divide-by-zero",
  "quotient-too-large",
  "control-register-value",
  "not-permitted",
  // Descriptors
  "selector-beyond-limit",
  "descriptor-empty",
  "descriptor-not-present",
  "descriptor-unusable",
  "no-descriptor-table",
  "descriptor-table-too-short",
  "descriptor-table-not-mapped",
  "gate-unusable",
  "gate-not-present",
  "handler-raises-it",
  "no-handler",
  "return-frame",
  // How it ended
  "halted-for-good",
] as const;

/** The code of a cause. */
export type CauseCode = typeof CAUSE_CODES[number];
