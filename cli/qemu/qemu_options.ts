/**
 * QEMU's arguments, split into options and their values.
 *
 * @module
 */

/** One of QEMU's options. */
export interface QemuOption {
  /** Its name, without dashes. */
  readonly name: string;
  /** Its value, if it takes one and has one. */
  readonly value?: string;
}

/** The options without a value, in QEMU from version 5 on: see qemu-system-x86_64(1). All others take one. */
const WITHOUT_VALUE: ReadonlySet<string> = new Set([
  ...["h", "help", "version", "audio-help", "snapshot", "usb", "mem-prealloc", "nodefaults", "no-user-config"],
  ...["nographic", "portrait", "full-screen", "curses", "sdl", "alt-grab", "ctrl-grab", "no-quit", "show-cursor"],
  ...["win2k-hack", "no-fd-bootchk", "no-acpi", "no-hpet", "singlestep", "one-insn-per-tb", "preconfig", "S", "s"],
  ...["enable-kvm", "xen-attach", "xen-domid-restrict", "no-reboot", "no-shutdown", "daemonize", "only-migratable"],
  ...["async-teardown", "enable-sync-profile", "enable-fips", "perfmap", "jitdump"],
]);

/**
 * Splits arguments as QEMU does: an option starts with one dash or two, and what follows an option that takes a value
 * is its value, whatever it looks like.
 *
 * @param args The arguments.
 * @returns The options in their order, without disk images, which have no option.
 */
export function qemuOptions(args: readonly string[]): readonly QemuOption[] {
  const found: QemuOption[] = [];
  for (let at = 0; at < args.length; at++) {
    if (!args[at].startsWith("-")) continue;
    const name = args[at].replace(/^--?/, "");
    if (WITHOUT_VALUE.has(name)) found.push({ name });
    else found.push({ name, value: args[++at] });
  }
  return found;
}

/**
 * Whether an option is among arguments.
 *
 * @param args The arguments.
 * @param names The names of options, without dashes.
 * @returns True if one of them is.
 */
export function hasOption(args: readonly string[], ...names: readonly string[]): boolean {
  return qemuOptions(args).some(({ name }) => names.includes(name));
}

/**
 * Takes an option out of arguments.
 *
 * @param args The arguments.
 * @param wanted The option's name, without dashes; it takes a value.
 * @returns The values that it was given, and the other arguments.
 */
export function takeOption(
  args: readonly string[],
  wanted: string,
): { readonly values: readonly string[]; readonly rest: readonly string[] } {
  const [values, rest]: [string[], string[]] = [[], []];
  for (let at = 0; at < args.length; at++) {
    const name = args[at].startsWith("-") ? args[at].replace(/^--?/, "") : undefined;
    const hasValue = name !== undefined && !WITHOUT_VALUE.has(name) && at + 1 < args.length;
    if (name === wanted && hasValue) values.push(args[++at]);
    else rest.push(args[at], ...(hasValue ? [args[++at]] : []));
  }
  return { values, rest };
}

/** Options for someone who watches the guest, or controls it. */
const FOR_ONLOOKERS: ReadonlySet<string> = new Set([
  ...["s", "gdb", "monitor", "mon", "qmp", "qmp-pretty", "vnc", "spice", "sdl", "curses", "full-screen"],
]);

/**
 * Whether anyone other than kload can watch or control a guest: on a display, by a monitor or with a debugger.
 *
 * @param args QEMU's arguments.
 * @returns True if an option is for that.
 */
export function hasOnlooker(args: readonly string[]): boolean {
  return qemuOptions(args).some(({ name, value }) => {
    return FOR_ONLOOKERS.has(name) && value !== "none" || name === "display" && value !== "none";
  });
}

/** The watchdogs that QEMU has for x86. */
const WATCHDOGS = /^(i6300esb|ib700)\b/;

/**
 * Whether the machine has a watchdog, which can wake a guest that has halted, or reset it.
 *
 * @param args QEMU's arguments.
 * @returns True if an option adds one.
 */
export function hasWatchdog(args: readonly string[]): boolean {
  return qemuOptions(args).some(({ name, value = "" }) => {
    return name === "watchdog" || name === "device" && WATCHDOGS.test(value.replace(/^driver=/, ""));
  });
}
