/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Maps: attributes, creation and destruction, and the values in the heap that all types share. */
#include "maps.h"

/* Flags that say nothing about behaviour here: everything is preallocated, and there is one node. */
#define FLAGS_COMMON	(BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG)

struct type {
	const struct moat_map_ops *ops;
	const char *name;
	u32 flags;		/* that may be set, besides the common ones */
	bool percpu;
	bool outer;		/* values are maps */
};

static const struct type types[] = {
	[BPF_MAP_TYPE_ARRAY] = { &moat_array_ops, "array", BPF_F_MMAPABLE | BPF_F_INNER_MAP },
	[BPF_MAP_TYPE_PERCPU_ARRAY] = { &moat_array_ops, "percpu_array", .percpu = true },
	[BPF_MAP_TYPE_HASH] = { &moat_hash_ops, "hash", BPF_F_NO_PREALLOC | BPF_F_ZERO_SEED },
	[BPF_MAP_TYPE_PERCPU_HASH] = { &moat_hash_ops, "percpu_hash", BPF_F_NO_PREALLOC | BPF_F_ZERO_SEED, true },
	[BPF_MAP_TYPE_LRU_HASH] = { &moat_hash_ops, "lru_hash", BPF_F_NO_COMMON_LRU | BPF_F_ZERO_SEED },
	[BPF_MAP_TYPE_LRU_PERCPU_HASH] = { &moat_hash_ops, "lru_percpu_hash", BPF_F_NO_COMMON_LRU | BPF_F_ZERO_SEED, true },
	[BPF_MAP_TYPE_LPM_TRIE] = { &moat_lpm_ops, "lpm_trie", BPF_F_NO_PREALLOC },
	[BPF_MAP_TYPE_PROG_ARRAY] = { &moat_prog_array_ops, "prog_array" },
	[BPF_MAP_TYPE_ARRAY_OF_MAPS] = { &moat_map_array_ops, "array_of_maps", .outer = true },
	[BPF_MAP_TYPE_HASH_OF_MAPS] = { &moat_hash_ops, "hash_of_maps", BPF_F_NO_PREALLOC, .outer = true },
	[BPF_MAP_TYPE_RINGBUF] = { &moat_ringbuf_ops, "ringbuf" },
};

static const struct type *type_of(enum bpf_map_type type)
{
	return type < ARRAY_SIZE(types) && types[type].ops ? &types[type] : NULL;
}

const struct moat_map_ops *moat_map_ops(enum bpf_map_type type)
{
	const struct type *t = type_of(type);

	return t ? t->ops : NULL;
}

bool moat_is_percpu(enum bpf_map_type type)
{
	return type_of(type) && types[type].percpu;
}

bool moat_is_outer(enum bpf_map_type type)
{
	return type_of(type) && types[type].outer;
}

int moat_map_refuse(const struct moat_map *map, int err, const char *why)
{
	moat_print(MOAT_WARN, "map '%s': %s", map->name, why);
	return err;
}

/* What a type cannot know better: flags, rights, the kind of inner maps. */
static int check_common(struct moat_map *map, const struct type *t)
{
	u32 both = BPF_F_RDONLY | BPF_F_WRONLY, both_prog = BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG;

	if (map->flags & ~(FLAGS_COMMON | t->flags))
		return moat_map_refuse(map, -EINVAL, "flags that this type of map does not have");
	if ((map->flags & both) == both || (map->flags & both_prog) == both_prog)
		return moat_map_refuse(map, -EINVAL, "both read-only and write-only");
	if (map->type != BPF_MAP_TYPE_RINGBUF && !map->max_entries)
		return moat_map_refuse(map, -EINVAL, "max_entries is 0");
	if (map->max_entries > MOAT_MAX_ENTRIES && map->type != BPF_MAP_TYPE_RINGBUF)
		return moat_map_refuse(map, -E2BIG, "too many entries");
	if (!t->outer)
		return 0;
	if (!map->inner)
		return moat_map_refuse(map, -EINVAL, "a map of maps needs to know the kind of its inner maps");
	if (moat_is_outer(map->inner->type) || map->inner->type == BPF_MAP_TYPE_PROG_ARRAY)
		return moat_map_refuse(map, -EOPNOTSUPP, "maps of this type cannot be inner maps");
	return 0;
}

/*
 * A page that may be written may also be read on every CPU that we run on:
 * BPF_F_WRONLY_PROG keeps helpers from reading, not the program's own loads.
 */
static u8 program_rights(const struct moat_map *map)
{
	if (map->flags & BPF_F_RDONLY_PROG)
		return MOAT_READ;
	return map->flags & BPF_F_WRONLY_PROG ? MOAT_WRITE : MOAT_READ | MOAT_WRITE;
}

int moat_map_create(struct moat_map *map)
{
	const struct type *t = type_of(map->type);
	int err;

	if (!t) {
		moat_print(MOAT_WARN, "map '%s': maps of type %d are not supported", map->name, map->type);
		return -EOPNOTSUPP;
	}
	err = moat_heap_init();
	if (!err)
		err = check_common(map, t);
	if (!err)
		err = t->ops->check(map);
	if (err)
		return err;

	map->ops = t->ops;
	map->rights = program_rights(map);
	err = t->ops->alloc(map);
	if (err) {
		moat_print(MOAT_WARN, "map '%s': no memory for %u entries", map->name, map->max_entries);
		moat_map_destroy(map);
		return err;
	}
	map->created = true;
	return 0;
}

/* Also after a creation that failed half-way; nobody uses the map any more. */
void moat_map_destroy(struct moat_map *map)
{
	moat_map_forget_names(map);
	if (map->ops && map->data)
		map->ops->free(map);
	map->data = NULL;
	if (map->heap_bytes)
		moat_heap_free(map->heap_off, map->heap_bytes);
	map->heap_off = 0;
	map->heap_bytes = 0;
	map->created = false;
}

/* Values ------------------------------------------------------------------ */

int moat_values_alloc(struct moat_map *map, struct moat_values *v, u64 nr, bool percpu)
{
	u64 bytes;
	int err;

	v->size = map->value_size;
	v->stride = align_up(map->value_size, 8);
	/* nr < 2^29 and stride <= 2^31: no overflow; the heap has 2^32 bytes. */
	bytes = nr * v->stride;
	if (percpu) {
		/* Values of one CPU never share a cache line with those of another. */
		v->cpu_bytes = align_up(bytes, 64);
		bytes = v->cpu_bytes * MOAT_MAX_CPUS;
	}
	if (bytes >= 1ull << 32)
		return -ENOMEM;
	err = moat_heap_alloc(bytes, &map->heap_off);
	if (err)
		return err;
	map->heap_bytes = bytes;
	v->base = moat_host(map->heap_off);
	return 0;
}

void moat_values_write(const struct moat_values *v, u32 index, const void *from, u32 cpu)
{
	u32 i, nr = v->cpu_bytes ? MOAT_MAX_CPUS : 1;

	if (cpu != MOAT_ALL_CPUS) {
		memcpy(moat_value(v, index, cpu), from, v->size);
		return;
	}
	for (i = 0; i < nr; i++)
		memcpy(moat_value(v, index, i), (const u8 *)from + (u64)i * v->stride, v->size);
}

void moat_values_read(const struct moat_values *v, u32 index, void *to)
{
	u32 i;

	if (!v->cpu_bytes) {
		memcpy(to, moat_value(v, index, 0), v->size);
		return;
	}
	for (i = 0; i < MOAT_MAX_CPUS; i++)
		memcpy((u8 *)to + (u64)i * v->stride, moat_value(v, index, i), v->stride);
}

/* What callbacks see ------------------------------------------------------ */

u64 moat_map_seen(const struct moat_run *run, struct moat_map *map)
{
	u64 handle = atomic_load_explicit(&map->last_handle, memory_order_relaxed);

	if (run->domain->mode == MOAT_MODE_NONE)
		return (uintptr_t)map;
	/* A map mostly has one handle: spare the search when the last one is right here too. */
	if (handle && moat_domain_map_at(run->domain, handle) == map)
		return handle;
	handle = moat_domain_handle(run->domain, map);
	atomic_store_explicit(&map->last_handle, handle, memory_order_relaxed);
	return handle;
}

/* The stack grows down from the top of its piece and cannot reach what lies below MOAT_MAX_FRAMES frames. */
#define SCRATCH_BYTES	(MOAT_STACK_BYTES - MOAT_MAX_FRAMES * MOAT_FRAME_STRIDE)

u32 moat_scratch_get(struct moat_run *run, u32 bytes)
{
	u32 at = run->scratch;

	bytes = align_up(bytes, 8);
	if (bytes > SCRATCH_BYTES - at)
		return 0;
	run->scratch = at + bytes;
	return run->slot->off + at;
}

void moat_scratch_put(struct moat_run *run, u32 bytes)
{
	run->scratch -= align_up(bytes, 8);
}
