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

#include <linux/errno.h>
#include <linux/compiler.h>
#include <linux/types.h>

struct sock_filter;
union bpf_attr;
struct bpf_map;
struct bpf_moat_inner;
struct bpf_moat_pool;
struct bpf_moat_values;
struct bpf_prog;
struct bpf_prog_aux;
struct bpf_verifier_env;
struct pt_regs;
struct seq_file;
struct vm_area_struct;

#ifndef CONFIG_BPF_JIT_MOAT
#define BPF_STOCK_JIT
#define bpf_stock_jit_compile	bpf_int_jit_compile
static inline void bpf_moat_release(struct bpf_prog *prog)
{
}

static inline int bpf_moat_verified(struct bpf_verifier_env *env)
{
	return 0;
}

static inline int bpf_moat_classic(struct bpf_prog *prog, const struct sock_filter *f, u32 len)
{
	return 0;
}

static inline bool bpf_moat_isolated(const struct bpf_prog_aux *aux)
{
	return false;
}

static inline void bpf_moat_share(struct bpf_prog_aux *func, const struct bpf_prog_aux *main)
{
}

static inline void bpf_moat_free(struct bpf_prog_aux *aux)
{
}

static inline bool bpf_moat_fixup(struct pt_regs *regs, int trap, unsigned long address)
{
	return false;
}

static inline void bpf_moat_show(struct seq_file *s, const struct bpf_prog *prog)
{
}

#define bpf_moat_values(map)		((struct bpf_moat_values *)NULL)
#define bpf_moat_set_values(map, v)	((void)(v))
#define bpf_moat_cpu_ptr(map, pptr, cpu)	per_cpu_ptr(pptr, cpu)
#define bpf_moat_this_cpu_ptr(map, pptr)	this_cpu_ptr(pptr)

static inline bool bpf_moat_map_wanted(const union bpf_attr *attr)
{
	return false;
}

static inline void *bpf_moat_values_alloc(struct bpf_moat_values **v, u64 front, u64 bytes, int numa_node)
{
	return NULL;
}

static inline void *bpf_moat_values_alloc_percpu(struct bpf_moat_values **v, u64 bytes)
{
	return NULL;
}

static inline void *bpf_moat_values_start(const struct bpf_moat_values *v)
{
	return NULL;
}

static inline void bpf_moat_values_put(struct bpf_moat_values *v)
{
}

static inline int bpf_moat_values_mmap(struct bpf_moat_values *v, struct vm_area_struct *vma)
{
	return 0;
}

static inline struct bpf_moat_pool *bpf_moat_pool_make(struct bpf_moat_values **v, u64 nr, u32 value_size, int numa_node)
{
	return NULL;
}

static inline void *bpf_moat_pool_take(struct bpf_moat_pool *pool)
{
	return NULL;
}

static inline void bpf_moat_pool_give(struct bpf_moat_pool *pool, void *value)
{
}

static inline void bpf_moat_pool_free(struct bpf_moat_pool *pool)
{
}

static inline void bpf_moat_outer_make(const struct bpf_map *map)
{
}

static inline void bpf_moat_outer_free(const struct bpf_map *map)
{
}

static inline struct bpf_moat_inner *bpf_moat_inner_begin(struct bpf_map *outer, const void *value)
{
	return NULL;
}

static inline void bpf_moat_inner_end(const struct bpf_map *outer, const struct bpf_moat_inner *inner)
{
}

static inline bool bpf_moat_inner_get(const struct bpf_map *outer, const struct bpf_map *map)
{
	return true;
}

static inline void bpf_moat_inner_put(const struct bpf_map *outer, const struct bpf_map *map)
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

/*
 * Called when the verifier is done with a program and has not rewritten it
 * yet: isolate it, if that is asked for.  0, or -errno with a line in the log.
 */
int bpf_moat_verified(struct bpf_verifier_env *env);
/* Called with a classic program @f that the kernel has checked and converted to @prog: the same.  0 or -errno. */
int bpf_moat_classic(struct bpf_prog *prog, const struct sock_filter *f, u32 len);
/* Is it?  Then it runs as Moat compiled it, or not at all. */
bool bpf_moat_isolated(const struct bpf_prog_aux *aux);
/* A function of a program is what the program is. */
void bpf_moat_share(struct bpf_prog_aux *func, const struct bpf_prog_aux *main);
/* Nobody runs the program any more. */
void bpf_moat_free(struct bpf_prog_aux *aux);
/* A fault in the kernel: does it end the run of an isolated program?  Then @regs say where to go on. */
bool bpf_moat_fixup(struct pt_regs *regs, int trap, unsigned long address);
/* Lines for a program's fdinfo: its mode, and why it is not isolated where others are. */
void bpf_moat_show(struct seq_file *s, const struct bpf_prog *prog);

/* The piece of the heap that @map's values lie in.  NULL: they are where they ever were, not for isolated programs. */
#define bpf_moat_values(map)		((map)->moat)
#define bpf_moat_set_values(map, v)	((map)->moat = (v))

/* Are maps made now for isolated programs?  By policy (mode.c). */
bool moat_maps_isolated(void);
/* Is the map that is made with @attr to have its values in the heap? */
bool bpf_moat_map_wanted(const union bpf_attr *attr);
/*
 * A piece of the heap, zeroed: @front bytes for the map's own use, rounded up
 * to pages, and behind them @bytes for values.  Returns where it starts, or NULL.
 */
void *bpf_moat_values_alloc(struct bpf_moat_values **v, u64 front, u64 bytes, int numa_node);
/* The same for @bytes of values on every CPU; returns where those of CPU 0 start. */
void *bpf_moat_values_alloc_percpu(struct bpf_moat_values **v, u64 bytes);
/* What lies at @at for CPU 0, for @cpu. */
void *bpf_moat_cpu_value(const struct bpf_moat_values *v, void *at, u32 cpu);
/* Of a value that is at @pptr: an address of the per-CPU allocator, or in the heap. */
#define bpf_moat_cpu_ptr(map, pptr, cpu)	\
	(bpf_moat_values(map) ?			\
	 bpf_moat_cpu_value(bpf_moat_values(map), (void __force *)(pptr), cpu) : (void *)per_cpu_ptr(pptr, cpu))
#define bpf_moat_this_cpu_ptr(map, pptr)	bpf_moat_cpu_ptr(map, pptr, raw_smp_processor_id())

/* Where what it has for values starts. */
void *bpf_moat_values_start(const struct bpf_moat_values *v);
/* Process context; NULL is ignored. */
void bpf_moat_values_put(struct bpf_moat_values *v);
/* Map the values, from page vma->vm_pgoff of them on, into a process. */
int bpf_moat_values_mmap(struct bpf_moat_values *v, struct vm_area_struct *vma);

/*
 * Values for elements that come and go one by one: @nr of them in a new piece
 * of the heap, *@v, which is to outlive them.  NULL: no memory.
 */
struct bpf_moat_pool *bpf_moat_pool_make(struct bpf_moat_values **v, u64 nr, u32 value_size, int numa_node);
/* In any context, one at a time.  NULL: all are taken.  What is in a value is what was last there. */
void *bpf_moat_pool_take(struct bpf_moat_pool *pool);
void bpf_moat_pool_give(struct bpf_moat_pool *pool, void *value);
/* Not the values.  Process context; NULL is ignored. */
void bpf_moat_pool_free(struct bpf_moat_pool *pool);

/* A map of maps is made, or is being freed and nobody uses it any more.  Process context. */
void bpf_moat_outer_make(const struct bpf_map *map);
void bpf_moat_outer_free(const struct bpf_map *map);
/*
 * Around an update of @outer, if that is a map of maps, with the file descriptor
 * at @value: isolated programs are given what they need to use that map.  Process
 * context.  NULL: there is nothing to do; or an error.
 */
struct bpf_moat_inner *bpf_moat_inner_begin(struct bpf_map *outer, const void *value);
void bpf_moat_inner_end(const struct bpf_map *outer, const struct bpf_moat_inner *inner);
/* An element of @outer is @map from now on, or is not any more.  False: no update with that map is under way. */
bool bpf_moat_inner_get(const struct bpf_map *outer, const struct bpf_map *map);
void bpf_moat_inner_put(const struct bpf_map *outer, const struct bpf_map *map);
#endif

#ifdef CONFIG_BPF_MOAT_WRONG_VERIFIER
/* Tests only (attack.c): is the verifier to believe programs that it should refuse? */
extern bool bpf_moat_fooled;
#define bpf_moat_is_fooled()	READ_ONCE(bpf_moat_fooled)
#else
#define bpf_moat_is_fooled()	false
#endif

/* What becomes of the verdict @err. */
static inline int bpf_moat_believe(int err)
{
	return bpf_moat_is_fooled() && (err == -EACCES || err == -EINVAL) ? 0 : err;
}

#endif
