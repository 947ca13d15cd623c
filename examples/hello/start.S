/*
 * The few things C cannot say: where the CPU arrives, how exceptions reach C,
 * and two memory accesses that are meant to fault.
 */

        .file "start.S"
        .text

/*
 * Entry point.
 *
 * The loader jumps here in 64-bit mode, with paging on, interrupts off and a
 * usable stack in RSP. RDI may carry whatever the boot contract passes; it is
 * left alone, so it becomes the first argument of kernel_main().
 */
        .global _start
        .type _start, @function
_start:
        xor     %ebp, %ebp              /* end of the chain of stack frames */
        and     $-16, %rsp              /* the C ABI wants an aligned stack */
        call    kernel_main             /* never returns */
        ud2
        .size _start, . - _start

/*
 * One 16-byte stub for each of the 32 CPU exceptions, so that the handler of
 * exception n is simply trap_stubs + 16 * n.
 *
 * The CPU pushes an error code for some exceptions only. The others push a
 * zero in its place, so that every trap leaves the same frame on the stack.
 */
#define PUSHES_ERROR_CODE 0x60227d00    /* bits 8, 10-14, 17, 21, 29, 30 */

        .balign 16
        .global trap_stubs
        .type trap_stubs, @function
trap_stubs:
        .set .Lvector, 0
        .rept 32
        .balign 16
        .if !((PUSHES_ERROR_CODE >> .Lvector) & 1)
        push    $0
        .endif
        push    $.Lvector
        jmp     trap_common
        .set .Lvector, .Lvector + 1
        .endr
        .size trap_stubs, . - trap_stubs

/*
 * Save the registers a C function may change, call trap(frame), restore them.
 * What is on the stack now is `struct trap_frame` in kernel.c. Its 16 words
 * keep the stack aligned, because the CPU aligned it before pushing.
 */
        .type trap_common, @function
trap_common:
        push    %rax
        push    %rcx
        push    %rdx
        push    %rsi
        push    %rdi
        push    %r8
        push    %r9
        push    %r10
        push    %r11
        mov     %rsp, %rdi
        cld
        call    trap
        pop     %r11
        pop     %r10
        pop     %r9
        pop     %r8
        pop     %rdi
        pop     %rsi
        pop     %rdx
        pop     %rcx
        pop     %rax
        add     $16, %rsp               /* vector and error code */
        iretq
        .size trap_common, . - trap_common

/*
 * Two accesses to the byte at `address` that are meant to fault:
 *
 *     uint64_t access_write(const void *address);
 *     uint64_t access_execute(const void *address);
 *
 * They return -1. But if the access does cause a page fault, trap() returns in
 * their place, with the error code. That is easy to do, because the stack then
 * holds nothing but the return address.
 */

/* Write a `ret` to the byte. */
        .global access_write, access_write_here
        .type access_write, @function
access_write:
        mov     $-1, %rax
access_write_here:
        movb    $0xc3, (%rdi)
        ret
        .size access_write, . - access_write

/* Execute the byte, which should be a `ret`. */
        .global access_execute
        .type access_execute, @function
access_execute:
        mov     $-1, %rax
        jmp     *%rdi
        .size access_execute, . - access_execute

/* Tell the linker that nothing here needs an executable stack. */
        .section .note.GNU-stack, "", @progbits
