/* SPDX-License-Identifier: GPL-2.0-only */
/* Into an image and out of it, arm64. */
#include <linux/linkage.h>
#include "enter.h"

/* u64 moat_image_call(struct moat_run *run, u64 r1, u64 entry) */
SYM_FUNC_START(moat_image_call)
	stp	x29, x30, [sp, #-112]!
	mov	x29, sp
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
#ifdef CONFIG_SHADOW_CALL_STACK
	str	x18, [sp, #96]
#endif
	mov	x9, sp
	str	x9, [x0, #MOAT_RUN_HOST_SP]
	mov	x16, x2
	mov	x2, x0
	mov	x0, x1
	mov	x1, xzr
	blr	x16
SYM_INNER_LABEL(moat_image_back, SYM_L_LOCAL)
#ifdef CONFIG_SHADOW_CALL_STACK
	/* Functions that a run was ended in have not taken back what they put there. */
	ldr	x18, [sp, #96]
#endif
	ldp	x27, x28, [sp, #80]
	ldp	x25, x26, [sp, #64]
	ldp	x23, x24, [sp, #48]
	ldp	x21, x22, [sp, #32]
	ldp	x19, x20, [sp, #16]
	ldp	x29, x30, [sp], #112
	ret
SYM_FUNC_END(moat_image_call)

/*
 * void moat_image_abort(struct moat_run *run): from wherever the run is, its stack is given up.  What a stub has begun ends
 * here, as the stub would (arch-arm64/stub.c): moat_run_ended() says what the program's caller gets.
 */
SYM_FUNC_START(moat_image_abort)
	ldr	x9, [x0, #MOAT_RUN_HOST_SP]
	ldrb	w10, [x0, #MOAT_RUN_CALLED]
	mov	sp, x9
	cbnz	w10, .Lcalled
	add	x29, sp, #80
	bl	moat_run_ended
	ldp	x23, x24, [sp], #16
	ldp	x27, x28, [sp], #16
	ldp	x25, x26, [sp], #16
	ldp	x21, x22, [sp], #16
	ldp	x19, x20, [sp], #16
	ldp	x29, x30, [sp], #16
#ifdef CONFIG_ARM64_PTR_AUTH_KERNEL
	hint	#29	/* autiasp */
#endif
	ret
.Lcalled:
	mov	x0, xzr
	b	moat_image_back
SYM_FUNC_END(moat_image_abort)
