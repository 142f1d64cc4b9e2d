/* SPDX-License-Identifier: GPL-2.0-only */
/* Into an image and out of it, x86-64. */
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <asm/nospec-branch.h>
#include "enter.h"

/* u64 moat_image_call(struct moat_run *run, u64 r1, u64 entry) */
SYM_FUNC_START(moat_image_call)
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	sub	$8, %rsp
	mov	%rsp, MOAT_RUN_HOST_SP(%rdi)
	mov	%rdx, %rax
	mov	%rdi, %rdx
	mov	%rsi, %rdi
	xor	%esi, %esi
	CALL_NOSPEC rax
SYM_INNER_LABEL(moat_image_back, SYM_L_LOCAL)
	add	$8, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	RET
SYM_FUNC_END(moat_image_call)
STACK_FRAME_NON_STANDARD moat_image_call

/* What the image has saved of a register at its entry, if it has; else that has its value still. */
.macro restore number reg
	movsbq	MOAT_RUN_SAVED+\number(%rdi), %rax
	test	%rax, %rax
	jz	.Lkept\@
	mov	(%rbp,%rax), \reg
.Lkept\@:
.endm

/*
 * void moat_image_abort(struct moat_run *run): from wherever the run is, its stack is given up.  What a stub has begun ends
 * here: moat_run_ended() says what the program's caller gets.
 */
SYM_FUNC_START(moat_image_abort)
	cld
	cmpb	$0, MOAT_RUN_CALLED(%rdi)
	jne	.Lcalled
	mov	MOAT_RUN_HOST_SP(%rdi), %rbp
	restore	0 %rbx
	restore	1 %r12
	restore	2 %r13
	restore	3 %r14
	restore	4 %r15
	mov	%rbp, %rsp
	call	moat_run_ended
	leave
	RET
.Lcalled:
	mov	MOAT_RUN_HOST_SP(%rdi), %rsp
	xor	%eax, %eax
	jmp	moat_image_back
SYM_FUNC_END(moat_image_abort)
STACK_FRAME_NON_STANDARD moat_image_abort
