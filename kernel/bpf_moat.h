/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel's own files know of Moat; installed as include/linux/bpf_moat.h.
 *
 * A stock JIT calls its compile function bpf_stock_jit_compile() and puts
 * BPF_STOCK_JIT in front of it.  Without Moat that is bpf_int_jit_compile() as
 * ever; with Moat, but without the stock JIT, it is a static function that
 * nobody calls, which the compiler drops with all that only it needs.
 */
#ifndef _LINUX_BPF_MOAT_H
#define _LINUX_BPF_MOAT_H

struct bpf_prog;

#ifndef CONFIG_BPF_JIT_MOAT
#define BPF_STOCK_JIT
#define bpf_stock_jit_compile	bpf_int_jit_compile
static inline void bpf_moat_release(struct bpf_prog *prog)
{
}
#else
#ifdef CONFIG_BPF_JIT_MOAT_KEEP_STOCK
#define BPF_STOCK_JIT
struct bpf_prog *bpf_stock_jit_compile(struct bpf_prog *prog);
#else
#define BPF_STOCK_JIT	static __maybe_unused
#endif

/* Called at the start of bpf_jit_free(): end what Moat has begun with @prog and not finished. */
void bpf_moat_release(struct bpf_prog *prog);
#endif

#endif
