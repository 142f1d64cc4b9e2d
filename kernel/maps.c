// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which maps each helper takes from isolated programs.
 *
 * Values that programs look into are in the heap.  Of other maps no value gets
 * near a program: what it pushes and pops is copied, and elements that are
 * devices, sockets or programs are never looked up.
 */
#include "gate.h"

#define MAP(t)		(1ull << BPF_MAP_TYPE_##t)
#define PER_CPU_MAPS	(MAP(PERCPU_ARRAY) | MAP(PERCPU_HASH) | MAP(LRU_PERCPU_HASH))
#define VALUE_MAPS	(MAP(ARRAY) | MAP(HASH) | MAP(LRU_HASH) | MAP(LPM_TRIE) | PER_CPU_MAPS)
#define OUTER_MAPS	(MAP(ARRAY_OF_MAPS) | MAP(HASH_OF_MAPS))
#define PUSHED_MAPS	(MAP(QUEUE) | MAP(STACK))
#define SOCKET_MAPS	(MAP(SOCKMAP) | MAP(SOCKHASH))

/* For what else is called with a map there is no check whether it is one that the helper can stand. */
static const struct map_rule {
	s32 id;
	bool changes;
	u64 types;
} map_rule[] = {
	{ BPF_FUNC_map_lookup_elem,		false,	VALUE_MAPS | OUTER_MAPS },
	{ BPF_FUNC_map_update_elem,		true,	VALUE_MAPS },
	{ BPF_FUNC_map_delete_elem,		true,	VALUE_MAPS },
	{ BPF_FUNC_map_lookup_percpu_elem,	false,	PER_CPU_MAPS },
	{ BPF_FUNC_for_each_map_elem,		false,	MAP(ARRAY) | MAP(HASH) | MAP(LRU_HASH) | PER_CPU_MAPS },
	{ BPF_FUNC_map_push_elem,		true,	PUSHED_MAPS | MAP(BLOOM_FILTER) },
	{ BPF_FUNC_map_pop_elem,		true,	PUSHED_MAPS },
	{ BPF_FUNC_map_peek_elem,		false,	PUSHED_MAPS | MAP(BLOOM_FILTER) },
	{ BPF_FUNC_tail_call,			false,	MAP(PROG_ARRAY) },
	{ BPF_FUNC_perf_event_output,		false,	MAP(PERF_EVENT_ARRAY) },
	{ BPF_FUNC_perf_event_read,		false,	MAP(PERF_EVENT_ARRAY) },
	{ BPF_FUNC_perf_event_read_value,	false,	MAP(PERF_EVENT_ARRAY) },
	{ BPF_FUNC_ringbuf_output,		false,	MAP(RINGBUF) },
	{ BPF_FUNC_ringbuf_reserve,		false,	MAP(RINGBUF) },
	{ BPF_FUNC_ringbuf_query,		false,	MAP(RINGBUF) },
	{ BPF_FUNC_get_stackid,			false,	MAP(STACK_TRACE) },
	{ BPF_FUNC_skb_under_cgroup,		false,	MAP(CGROUP_ARRAY) },
	{ BPF_FUNC_current_task_under_cgroup,	false,	MAP(CGROUP_ARRAY) },
	{ BPF_FUNC_redirect_map,		false,	MAP(DEVMAP) | MAP(DEVMAP_HASH) | MAP(CPUMAP) | MAP(XSKMAP) },
	{ BPF_FUNC_sk_redirect_map,		false,	MAP(SOCKMAP) },
	{ BPF_FUNC_sk_redirect_hash,		false,	MAP(SOCKHASH) },
	{ BPF_FUNC_msg_redirect_map,		false,	MAP(SOCKMAP) },
	{ BPF_FUNC_msg_redirect_hash,		false,	MAP(SOCKHASH) },
	{ BPF_FUNC_sock_map_update,		true,	MAP(SOCKMAP) },
	{ BPF_FUNC_sock_hash_update,		true,	MAP(SOCKHASH) },
	{ BPF_FUNC_sk_select_reuseport,		false,	MAP(REUSEPORT_SOCKARRAY) | SOCKET_MAPS },
};

const char *moat_proto_maps(struct moat_proto *p)
{
	bool takes = false;
	u32 i;

	for (i = 0; i < MOAT_MAX_ARGS; i++)
		takes |= p->h.arg[i].kind == MOAT_ARG_MAP;
	for (i = 0; i < ARRAY_SIZE(map_rule); i++) {
		if (map_rule[i].id != p->h.id)
			continue;
		p->h.map_types = map_rule[i].types;
		p->changes_map = map_rule[i].changes;
		return NULL;
	}
	return takes || p->returns_value ? "works on maps that have no isolated form" : NULL;
}

const char *moat_proto_misfit(const struct moat_proto *p, const struct bpf_map *map)
{
	if (map->map_type >= 64 || !(p->h.map_types >> map->map_type & 1))
		return "a map of a type that this helper does not take";
	if (p->returns_value && map->inner_map_meta)
		return moat_inner_misfit(map);
	if ((p->returns_value || p->h.id == BPF_FUNC_for_each_map_elem) && !map->moat)
		return "a map whose values are not where programs reach them";
	if (p->changes_map && map->map_flags & BPF_F_RDONLY_PROG)
		return "a map that programs may only read";
	return NULL;
}
