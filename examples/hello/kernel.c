/*
 * hello: a small 64-bit kernel that checks how it was loaded.
 *
 * A loader has done its work when every byte of the ELF file is where the
 * program headers say, everything else is zero, and each segment has the
 * permissions it asked for. This kernel looks at all of that from the inside,
 * prints one line per check on the first serial port, and leaves QEMU with an
 * exit code.
 *
 * It expects 64-bit mode, paging on, interrupts off and a stack in RSP, and
 * sets up nothing that it can do without. Start reading at the bottom, with
 * kernel_main().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- What the linker script defines ------------------------------------ */

extern uint8_t bss_start[], bss_end[];

/* The bytes that a new TLS block starts with, and three numbers that are also
 * in the program header PT_TLS. */
extern const uint8_t tls_template[];
extern const struct {
    uint64_t file_size; /* bytes to copy from the template: .tdata */
    uint64_t mem_size;  /* size of the block: .tdata, then .tbss */
    uint64_t align;
} tls_layout;

/* ---- What start.S defines ---------------------------------------------- */

extern const uint8_t _start[];
extern const uint8_t trap_stubs[];

typedef uint64_t access(const void *address);
access access_write, access_execute;
extern const uint8_t access_write_here[]; /* the instruction that writes */

/* ---- CPU instructions -------------------------------------------------- */

static inline void out8(uint16_t port, uint8_t value) {
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t in8(uint16_t port) {
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

#define MSR_EFER 0xc0000080u
#define MSR_FS_BASE 0xc0000100u

static inline uint64_t read_msr(uint32_t msr) {
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

static inline void write_msr(uint32_t msr, uint64_t value) {
    __asm__ volatile("wrmsr"
                     :
                     : "c"(msr), "a"((uint32_t)value),
                       "d"((uint32_t)(value >> 32))
                     : "memory");
}

static inline uint64_t read_cr0(void) {
    uint64_t value;
    __asm__ volatile("mov %%cr0, %0" : "=r"(value));
    return value;
}

static inline uint64_t read_cr2(void) {
    uint64_t value;
    __asm__ volatile("mov %%cr2, %0" : "=r"(value));
    return value;
}

static inline uint16_t read_cs(void) {
    uint16_t value;
    __asm__ volatile("mov %%cs, %0" : "=r"(value));
    return value;
}

/* ---- Helpers for looking at memory ------------------------------------- */

/*
 * The compiler knows the initial value of every variable and would answer most
 * of our questions without reading memory. A pointer that has been through
 * here could point anywhere, and what it points to could be anything.
 */
#define OPAQUE(pointer)                                                        \
    ({                                                                         \
        __typeof__(&*(pointer)) pointer_ = (pointer);                          \
        __asm__ volatile("" : "+r"(pointer_) : : "memory");                    \
        pointer_;                                                              \
    })

/*
 * Where a symbol really is: its distance from the running instruction is fixed
 * at link time, whatever address the kernel was loaded at.
 */
#define ADDRESS_FROM_RIP(symbol)                                               \
    ({                                                                         \
        const void *address_;                                                  \
        __asm__("lea " #symbol "(%%rip), %0" : "=r"(address_));                \
        address_;                                                              \
    })

/* GCC may call these two even in freestanding code. */
void *memcpy(void *restrict to, const void *restrict from, size_t size) {
    void *result = to;
    __asm__ volatile("rep movsb"
                     : "+D"(to), "+S"(from), "+c"(size)
                     :
                     : "memory");
    return result;
}

void *memset(void *to, int byte, size_t size) {
    void *result = to;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(byte) : "memory");
    return result;
}

static bool all_zero(const uint8_t *from, const uint8_t *to) {
    while (from < to)
        if (*from++)
            return false;
    return true;
}

/* ---- Output and exit --------------------------------------------------- */

#define COM1 0x3f8

static void serial_init(void) {
    out8(COM1 + 1, 0x00); /* no interrupts */
    out8(COM1 + 3, 0x80); /* the next two registers are the divisor */
    out8(COM1 + 0, 0x01); /* 115200 baud */
    out8(COM1 + 1, 0x00);
    out8(COM1 + 3, 0x03); /* 8 data bits, no parity, 1 stop bit */
    out8(COM1 + 2, 0x07); /* FIFOs on and empty */
}

static void print(const char *text) {
    for (; *text; text++) {
        while (!(in8(COM1 + 5) & 0x20)) {
            /* the transmitter is busy */
        }
        out8(COM1, *text);
    }
}

static void print_hex(uint64_t value) {
    char text[2 + 16 + 1];
    char *p = &text[sizeof text - 1];
    *p = '\0';
    do {
        *--p = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (value);
    *--p = 'x';
    *--p = '0';
    print(p);
}

/*
 * With `-device isa-debug-exit,iobase=0xf4,iosize=0x04`, QEMU ends when a
 * value is written to port 0xf4, with the exit status (value << 1) | 1.
 */
enum exit_code {
    EXIT_SUCCESS = 0x10, /* QEMU ends with status 33 */
    EXIT_FAILURE = 0x20, /* QEMU ends with status 65 */
};

static _Noreturn void finish(enum exit_code code) {
    out8(0xf4, code);
    for (;;)
        __asm__ volatile("cli; hlt");
}

/* ---- Exceptions -------------------------------------------------------- */

#define PAGE_FAULT 14

/* The bits of a page fault's error code, and the value for no page fault. */
#define PF_PRESENT 0x01u /* a page was there, but did not permit the access */
#define PF_WRITE 0x02u
#define PF_FETCH 0x10u /* the access was an instruction fetch */
#define NO_FAULT UINT64_MAX

struct trap_frame {
    uint64_t r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax; /* by trap_common */
    uint64_t vector, error;                             /* by the stub */
    uint64_t rip, cs, rflags, rsp, ss;                  /* by the CPU */
};

struct idt_gate {
    uint16_t offset_0;
    uint16_t selector;
    uint16_t attributes;
    uint16_t offset_16;
    uint32_t offset_32;
    uint32_t reserved;
};

#define EXCEPTIONS 32

static void idt_init(struct idt_gate idt[EXCEPTIONS]) {
    for (size_t i = 0; i < EXCEPTIONS; i++) {
        uint64_t handler = (uint64_t)(trap_stubs + 16 * i);
        idt[i] = (struct idt_gate){
            .offset_0 = (uint16_t)handler,
            .offset_16 = (uint16_t)(handler >> 16),
            .offset_32 = (uint32_t)(handler >> 32),
            .selector = read_cs(), /* the loader's GDT is good enough */
            .attributes = 0x8e00,  /* present, ring 0, interrupt gate */
        };
    }
    struct {
        uint16_t limit;
        const void *base;
    } __attribute__((packed)) idtr = {EXCEPTIONS * sizeof idt[0] - 1, idt};
    __asm__ volatile("lidt %0" : : "m"(idtr) : "memory");
}

/*
 * Is this the page fault of access_write() or access_execute()? Both have the
 * address in RDI. The first has one instruction that can fault, the second is
 * already at the address when it faults.
 */
static bool is_access_fault(const struct trap_frame *frame) {
    return frame->vector == PAGE_FAULT && frame->rdi == read_cr2() &&
           (frame->rip == (uint64_t)access_write_here ||
            frame->rip == frame->rdi);
}

/* Called by the stubs in start.S for every exception. */
void trap(struct trap_frame *frame) {
    if (is_access_fault(frame)) {
        /* Do what `ret` would do, and return the error code. */
        frame->rax = frame->error;
        frame->rip = *(const uint64_t *)frame->rsp;
        frame->rsp += 8;
        return;
    }

    print("FAILED: unexpected exception ");
    print_hex(frame->vector);
    print(", error code ");
    print_hex(frame->error);
    print(", rip ");
    print_hex(frame->rip);
    if (frame->vector == PAGE_FAULT) {
        print(", address ");
        print_hex(read_cr2());
    }
    print("\n");
    finish(EXIT_FAILURE);
}

/* ---- Reporting --------------------------------------------------------- */

/* The name comes first, so that a check that crashes has been named. */
#define CHECK(what, ok) (print("  " what " ... "), verdict(ok))

static bool verdict(bool ok) {
    print(ok ? "ok\n" : "FAILED\n");
    return ok;
}

/* Check that an access causes a page fault with exactly this error code. */
static bool check_fault(const char *what, access *try, const void *address,
                        uint64_t expected) {
    print("  ");
    print(what);
    print(" ... ");

    uint64_t error = try(address);
    if (error == expected)
        return verdict(true);

    if (error == NO_FAULT) {
        print("FAILED: no page fault\n");
    } else {
        print("FAILED: error code ");
        print_hex(error);
        print(", expected ");
        print_hex(expected);
        print("\n");
    }
    return false;
}

/* ---- .rodata, .data and .bss ------------------------------------------- */

#define PAGE 4096

/* The instruction `ret`, for the checks that try to execute data. */
#define RET 0xc3

const uint64_t constants[] = {0x0123456789abcdef, 0xfedcba9876543210, RET};
uint64_t variables[] = {0x1122334455667788, 0x8877665544332211, RET};
uint8_t zeroes[3 * PAGE + 1000];

/*
 * Addresses stored in memory. In hello.elf the linker has filled them in. In
 * hello-pie.elf only the loader can: each has an R_X86_64_RELATIVE relocation.
 */
const void *const pointers[] = {
    _start, constants, variables, zeroes, &zeroes[2 * PAGE],
};

/*
 * The address of the stack's lowest byte according to the boot information; 0
 * if unknown. ../../docs/boot_info.md describes the layout.
 */
static uint64_t stack_bottom(const void *boot_info) {
    uint64_t bottom = 0;
    if (boot_info)
        __builtin_memcpy(&bottom, (const char *)boot_info + 208, sizeof bottom);
    return bottom;
}

static bool higher_half(void) {
    return (int64_t)ADDRESS_FROM_RIP(_start) < 0;
}

static bool pointers_ok(void) {
    const void *const *p = OPAQUE(pointers);
    const uint8_t *zeroes_address = ADDRESS_FROM_RIP(zeroes);
    return p[0] == ADDRESS_FROM_RIP(_start) &&
           p[1] == ADDRESS_FROM_RIP(constants) &&
           p[2] == ADDRESS_FROM_RIP(variables) &&
           p[3] == zeroes_address &&
           p[4] == zeroes_address + 2 * PAGE;
}

static bool rodata_ok(void) {
    const uint64_t *c = OPAQUE(constants);
    return c[0] == 0x0123456789abcdef && c[1] == 0xfedcba9876543210 &&
           c[2] == RET;
}

static bool data_ok(void) {
    const uint64_t *v = OPAQUE(variables);
    return v[0] == 0x1122334455667788 && v[1] == 0x8877665544332211 &&
           v[2] == RET;
}

static bool data_writable(void) {
    uint64_t *v = OPAQUE(variables);
    v[0] = ~v[0];
    v[1] = v[0] + 1;
    v = OPAQUE(variables);
    return v[0] == ~0x1122334455667788u && v[1] == ~0x1122334455667788u + 1;
}

static bool bss_zero(void) {
    return all_zero(bss_start, bss_end);
}

/* Write something else to every page, to notice if two are the same memory. */
static bool bss_writable(void) {
    for (size_t i = 0; i < sizeof zeroes; i++)
        zeroes[i] = (uint8_t)(i + i / PAGE);
    const uint8_t *z = OPAQUE(zeroes);
    for (size_t i = 0; i < sizeof zeroes; i++)
        if (z[i] != (uint8_t)(i + i / PAGE))
            return false;
    return true;
}

/* ---- Thread-local storage ---------------------------------------------- */

/*
 * The compiler reaches these through FS: on x86-64 the block that holds them
 * ends where FS base points, and the word right there is a pointer to itself.
 *
 *            |<------ mem_size, rounded up to align ----->|
 *            | .tdata (copied) | .tbss (zeroed) | padding | self pointer |
 *            ^                                            ^
 *            block, aligned                               FS base
 */
_Thread_local uint64_t tls_number = 0x7123456789abcdef;
_Thread_local _Alignas(64) uint8_t tls_aligned[8] = "aligned";
_Thread_local uint32_t tls_zero;
_Thread_local uint8_t tls_zeroes[33];

/* A kernel with an allocator would take the block from there. */
static _Alignas(64) uint8_t tls_arena[512];

static bool tls_init(void) {
    uint64_t align = tls_layout.align;
    uint64_t size = (tls_layout.mem_size + align - 1) & -align;
    if (align > _Alignof(tls_arena) || size + sizeof(void *) > sizeof tls_arena)
        return false;

    uint8_t *block = tls_arena;
    memcpy(block, tls_template, tls_layout.file_size);
    memset(block + tls_layout.file_size, 0, size - tls_layout.file_size);

    uint8_t *thread_pointer = block + size;
    memcpy(thread_pointer, &thread_pointer, sizeof thread_pointer);
    write_msr(MSR_FS_BASE, (uint64_t)thread_pointer);
    return true;
}

/* The functions below are kept apart from tls_init(), or the compiler might
 * read the thread pointer once, before it is set. */

static __attribute__((noinline)) bool tls_values_ok(void) {
    const char expected[8] = "aligned";
    const uint8_t *letters = OPAQUE(tls_aligned);
    for (size_t i = 0; i < sizeof expected; i++)
        if (letters[i] != expected[i])
            return false;
    return tls_number == 0x7123456789abcdef && tls_zero == 0 &&
           all_zero(tls_zeroes, tls_zeroes + sizeof tls_zeroes);
}

static __attribute__((noinline)) bool tls_place_ok(void) {
    uint64_t self;
    __asm__ volatile("mov %%fs:0, %0" : "=r"(self));
    uint64_t aligned = (uint64_t)OPAQUE(tls_aligned);
    return self == read_msr(MSR_FS_BASE) && aligned % 64 == 0 &&
           aligned >= (uint64_t)tls_arena && aligned < self;
}

static __attribute__((noinline)) bool tls_writable(void) {
    tls_number = 1;
    tls_zero = 2;
    __asm__ volatile("" : : : "memory");
    return tls_number == 1 && tls_zero == 2;
}

/* ---- The kernel -------------------------------------------------------- */

#define CR0_WP (1u << 16)
#define EFER_NXE (1u << 11)

_Noreturn void kernel_main(const void *boot_info) {

    serial_init();

    /* On the stack: all other memory has yet to be checked. */
    struct idt_gate idt[EXCEPTIONS];
    idt_init(idt);

    print(higher_half() ? "Hello from the higher half!\n" : "Hello from the lower half!\n");

    bool ok = true;

    /* Is everything where it was linked to be, or relocated to be? */
#ifndef __PIE__ /* a position-independent kernel runs where it was placed */
    ok &= CHECK("runs in the higher half", higher_half());
#endif
    ok &= CHECK("stored pointers match the load address", pointers_ok());

    /* Did the contents of the segments arrive? */
    ok &= CHECK(".rodata has its constants", rodata_ok());
    ok &= CHECK(".data has its initial values", data_ok());
    ok &= CHECK(".data is writable", data_writable());
    ok &= CHECK(".bss is zero", bss_zero());
    ok &= CHECK(".bss is writable", bss_writable());

    /* Do thread-local variables work? */
    if (CHECK("TLS block is set up", tls_init())) {
        ok &= CHECK("TLS variables have their initial values", tls_values_ok());
        ok &= CHECK("TLS variables are where they belong", tls_place_ok());
        ok &= CHECK("TLS variables are writable", tls_writable());
    } else {
        ok = false;
    }

    /* Are the segments' permissions enforced? The first two are what makes
     * the CPU respect them in ring 0. The addresses are such that no harm is
     * done if they are not: _start has run, and the others hold a `ret`. */
    ok &= CHECK("CR0.WP is set", read_cr0() & CR0_WP);
    ok &= CHECK("EFER.NXE is set", read_msr(MSR_EFER) & EFER_NXE);
    ok &= check_fault("writing to .text faults", access_write, _start,
                      PF_PRESENT | PF_WRITE);
    ok &= check_fault("writing to .rodata faults", access_write, &constants[2],
                      PF_PRESENT | PF_WRITE);
    ok &= check_fault("executing .rodata faults", access_execute, &constants[2],
                      PF_PRESENT | PF_FETCH);
    ok &= check_fault("executing .data faults", access_execute, &variables[2],
                      PF_PRESENT | PF_FETCH);
    uint64_t bottom = stack_bottom(boot_info);
    if (bottom)
        ok &= check_fault("writing below the stack faults", access_write,
                          (const void *)(bottom - 8), PF_WRITE);

    print(ok ? "all checks passed\n" : "some checks failed\n");
    finish(ok ? EXIT_SUCCESS : EXIT_FAILURE);
}
