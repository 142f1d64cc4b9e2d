// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps whose values lie in the heap, so that isolated programs can be granted them.
 *
 * The map types of the kernel ask here (arraymap.c, hashtab.c, lpm_trie.c) when they are
 * made.  A value that the kernel itself trusts in parts (a lock, a timer, a
 * pointer to a kernel object) must stay where no program can write freely:
 * such maps are made as ever, and no isolated program can use them.
 */
#include <linux/align.h>
#include <linux/btf.h>
#include <linux/cache.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include "domain.h"

/* The kernel has no other way to ask than to make the table. */
static bool has_kptrs(const struct btf *btf, const struct btf_type *value)
{
	struct bpf_map asked = { .kptr_off_tab = btf_parse_kptrs(btf, value) };
	/* an error is what a value gets that is no struct */
	bool any = !IS_ERR_OR_NULL(asked.kptr_off_tab);

	bpf_map_free_kptr_off_tab(&asked);
	return any;
}

/* Does the type of values have such parts?  Types that there are not are told by map_check_btf(). */
static bool has_special_fields(const union bpf_attr *attr)
{
	u32 id = attr->btf_value_type_id, bytes;
	const struct btf_type *value;
	struct btf *btf;
	bool special;

	if (!id)
		return false;
	btf = btf_get_by_fd(attr->btf_fd);
	if (IS_ERR(btf))
		return false;
	value = btf_type_id_size(btf, &id, &bytes);
	special = value && (btf_find_spin_lock(btf, value) >= 0 || btf_find_timer(btf, value) >= 0 ||
			    has_kptrs(btf, value));
	btf_put(btf);
	return special;
}

bool bpf_moat_map_wanted(const union bpf_attr *attr)
{
	switch (attr->map_type) {
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
	case BPF_MAP_TYPE_LPM_TRIE:
		return moat_heap_base && moat_maps_isolated() && !has_special_fields(attr);
	default:
		return false;
	}
}

void *bpf_moat_values_alloc(struct bpf_moat_values **v, u64 front, u64 bytes, int numa_node)
{
	*v = moat_values_alloc(front, bytes, numa_node);
	return *v ? (*v)->base : NULL;
}

void *bpf_moat_values_alloc_percpu(struct bpf_moat_values **v, u64 bytes)
{
	/* One CPU's values share no cache line with another's. */
	u64 stride = ALIGN(bytes, SMP_CACHE_BYTES);

	/* More has no place anyway, and could overflow. */
	*v = bytes < SZ_2G ? moat_values_alloc(0, stride * nr_cpu_ids, NUMA_NO_NODE) : NULL;
	if (!*v)
		return NULL;
	(*v)->stride = stride;
	return (*v)->base;
}

void *bpf_moat_cpu_value(const struct bpf_moat_values *v, void *at, u32 cpu)
{
	return at + (u64)v->stride * cpu;
}

void *bpf_moat_values_start(const struct bpf_moat_values *v)
{
	return moat_host(v->start);
}

void bpf_moat_values_put(struct bpf_moat_values *v)
{
	moat_values_put(v);
}

int bpf_moat_values_mmap(struct bpf_moat_values *v, struct vm_area_struct *vma)
{
	u32 nr = v->bytes >> PAGE_SHIFT;

	vma->vm_flags |= VM_DONTEXPAND | VM_DONTDUMP;
	return vm_map_pages(vma, v->page + v->nr_page - nr, nr);
}

/* Pools ------------------------------------------------------------------- */

/* Which values are free is the kernel's to know: it is not written in them. */
struct bpf_moat_pool {
	u32 nr;
	u32 free[];	/* offsets of the free ones; the last is the next that is taken */
};

struct bpf_moat_pool *bpf_moat_pool_make(struct bpf_moat_values **v, u64 nr, u32 value_size, int numa_node)
{
	u64 step = ALIGN((u64)value_size, 8);
	struct bpf_moat_pool *pool;

	/* More has no place anyway, and could overflow. */
	*v = nr <= SZ_4G / step ? moat_values_alloc(0, nr * step, numa_node) : NULL;
	if (!*v)
		return NULL;
	pool = kvmalloc(struct_size(pool, free, nr), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!pool) {
		moat_values_put(*v);
		return NULL;
	}
	for (pool->nr = 0; pool->nr < nr; pool->nr++)
		pool->free[pool->nr] = (*v)->start + (nr - 1 - pool->nr) * step;
	return pool;
}

void *bpf_moat_pool_take(struct bpf_moat_pool *pool)
{
	return pool->nr ? moat_host(pool->free[--pool->nr]) : NULL;
}

void bpf_moat_pool_give(struct bpf_moat_pool *pool, void *value)
{
	pool->free[pool->nr++] = (u32)(unsigned long)value;
}

void bpf_moat_pool_free(struct bpf_moat_pool *pool)
{
	kvfree(pool);
}
