/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Entering images on a stack of their own, as the kernel would; see kform.h. */
#include <stdlib.h>
#include <sys/mman.h>

#include "kform.h"

#define STACK_BYTES	(512u << 10)

typedef u64 code_fn(const void *ctx, const struct bpf_insn *insn);

static u8 *stack_top;

#if defined(__x86_64__)
/* u64 kform_enter(ctx, insn, code, stack): on @stack, with marks in the registers that must be kept. */
u64 kform_enter(const void *ctx, const struct bpf_insn *insn, const void *code, void *stack);
u64 kform_lost;

asm(".text\n"
    "kform_enter:\n"
    "	push %rbp\n	push %rbx\n	push %r12\n	push %r13\n	push %r14\n	push %r15\n"
    "	mov %rsp, %r12\n"
    "	mov %rcx, %rsp\n"
    "	mov $0x1111, %ebx\n	mov $0x2222, %ebp\n"
    "	mov $0x3333, %r13d\n	mov $0x4444, %r14d\n	mov $0x5555, %r15d\n"
    "	call *%rdx\n"
    "	sub $0x1111, %rbx\n	sub $0x2222, %rbp\n"
    "	sub $0x3333, %r13\n	sub $0x4444, %r14\n	sub $0x5555, %r15\n"
    "	or %rbp, %rbx\n	or %r13, %rbx\n	or %r14, %rbx\n	or %r15, %rbx\n"
    "	mov %rbx, kform_lost(%rip)\n"
    "	mov %r12, %rsp\n"
    "	pop %r15\n	pop %r14\n	pop %r13\n	pop %r12\n	pop %rbx\n	pop %rbp\n"
    "	ret\n");
#elif defined(__aarch64__)
/* The same: X19-X29 and SP must be kept. */
u64 kform_enter(const void *ctx, const struct bpf_insn *insn, const void *code, void *stack);
u64 kform_lost;

asm(".text\n"
    "kform_enter:\n"
    "	stp x29, x30, [sp, #-112]!\n"
    "	stp x19, x20, [sp, #16]\n	stp x21, x22, [sp, #32]\n	stp x23, x24, [sp, #48]\n"
    "	stp x25, x26, [sp, #64]\n	stp x27, x28, [sp, #80]\n	str x3, [sp, #96]\n"
    "	mov x9, sp\n	str x9, [x3, #-16]!\n	mov sp, x3\n"
    "	mov x19, #0x119\n	mov x20, #0x120\n	mov x21, #0x121\n	mov x22, #0x122\n"
    "	mov x23, #0x123\n	mov x24, #0x124\n	mov x25, #0x125\n	mov x26, #0x126\n"
    "	mov x27, #0x127\n	mov x28, #0x128\n	mov x29, #0x129\n"
    "	blr x2\n"
    "	ldr x9, [sp]\n	ldr x10, [x9, #96]\n	sub x10, x10, #16\n"
    "	mov x11, sp\n	sub x10, x10, x11\n"
    "	sub x19, x19, #0x119\n	sub x20, x20, #0x120\n	sub x21, x21, #0x121\n	sub x22, x22, #0x122\n"
    "	sub x23, x23, #0x123\n	sub x24, x24, #0x124\n	sub x25, x25, #0x125\n	sub x26, x26, #0x126\n"
    "	sub x27, x27, #0x127\n	sub x28, x28, #0x128\n	sub x29, x29, #0x129\n"
    "	orr x10, x10, x19\n	orr x10, x10, x20\n	orr x10, x10, x21\n	orr x10, x10, x22\n"
    "	orr x10, x10, x23\n	orr x10, x10, x24\n	orr x10, x10, x25\n	orr x10, x10, x26\n"
    "	orr x10, x10, x27\n	orr x10, x10, x28\n	orr x10, x10, x29\n"
    "	adrp x11, kform_lost\n	str x10, [x11, #:lo12:kform_lost]\n"
    "	mov sp, x9\n"
    "	ldp x19, x20, [sp, #16]\n	ldp x21, x22, [sp, #32]\n	ldp x23, x24, [sp, #48]\n"
    "	ldp x25, x26, [sp, #64]\n	ldp x27, x28, [sp, #80]\n	ldp x29, x30, [sp], #112\n"
    "	ret\n");
#else
#error "how is an image entered here?"
#endif

static u64 enter(code_fn *code, const void *ctx)
{
	u64 result = kform_enter(ctx, NULL, code, stack_top);

	if (kform_lost) {
		fprintf(stderr, "FAIL: a register that must be kept was lost\n");
		abort();
	}
	return result;
}

static void get_stack(void)
{
	u8 *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (stack == MAP_FAILED)
		abort();
	stack_top = stack + STACK_BYTES;
}

u64 kform_run(const struct kform *k, const void *ctx)
{
	if (!stack_top)
		get_stack();
	return enter((code_fn *)(void *)k->func[0].code, ctx);
}
