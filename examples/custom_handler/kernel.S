# A kernel that does nothing but halt. Its boot options are NUL-terminated strings in a section that a custom program
# header points to.

        .section .bootopts, "a", @progbits
        .asciz  "console=serial"
        .asciz  "stack=0x8000"

        .section .text, "ax", @progbits
        .globl  _start
_start: hlt
        jmp     _start

        .section .note.GNU-stack, "", @progbits
