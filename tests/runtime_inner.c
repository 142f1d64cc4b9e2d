/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Arrays of programs, and maps of maps with the naming of inner maps in domains. */
#include "helper_run.h"

static struct moat_map template = { .type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 8, .max_entries = 4 };

static struct moat_map *make_outer(enum bpf_map_type type)
{
	struct moat_map *map = calloc(1, sizeof(*map));

	snprintf(map->name, sizeof(map->name), "outer");
	map->obj = &map_owner;
	map->type = type;
	map->key_size = map->value_size = 4;
	map->max_entries = 3;
	map->inner = &template;
	CHECK(!moat_map_create(map), "an outer map");
	return map;
}

static bool granted(const struct moat_map *map)
{
	return moat_domain_has(domain, map->heap_off, 8, MOAT_READ | MOAT_WRITE);
}

static int put(struct moat_map *outer, u32 key, struct moat_map *inner)
{
	int err;

	moat_self->run = NULL;	/* as the host, outside of runs */
	err = moat_map__set_inner(outer, &key, 4, inner);
	moat_self->run = run;
	return err;
}

static u64 look(u64 outer, u32 key)
{
	memcpy(at(stack(8)), &key, 4);
	return call(BPF_FUNC_map_lookup_elem, outer, stack(8), 0, 0, 0) == OK ? ret : ~0ull;
}

/* As the host does it: from outside of any run. */
static struct moat_map *new_inner(struct moat_map *outer, const char *name)
{
	struct moat_run *run = moat_self->run;
	struct moat_map *map;

	moat_self->run = NULL;
	map = moat_map__new_inner(outer, name);
	moat_self->run = run;
	return map;
}

static void outer_map(enum bpf_map_type type)
{
	struct moat_map *outer = make_outer(type), *a, *b, *direct, *wrong;
	u64 h = moat_domain_map(domain, outer), h_direct, inner;
	u32 key = 1;

	a = new_inner(outer, "a");
	b = new_inner(outer, "b");
	direct = new_inner(outer, "direct");
	h_direct = moat_domain_map(domain, direct);
	CHECK(a && b && direct && a->type == BPF_MAP_TYPE_HASH && a->obj == &map_owner, "inner maps");
	CHECK(map_owner.maps == direct && direct->next == b, "the object owns them");

	CHECK(look(h, 1) == 0, "empty");
	CHECK(!put(outer, 1, a) && granted(a) && !granted(b), "a is named");
	inner = look(h, 1);
	CHECK(inner && moat_domain_map_at(domain, inner) == a, "its handle: 0x%llx", (long long)inner);
	*(u32 *)at(stack(16)) = 5;
	*(u64 *)at(stack(24)) = 55;
	CHECK(call(BPF_FUNC_map_update_elem, inner, stack(16), stack(24), 0, 0) == OK && !ret, "update through it");
	CHECK(call(BPF_FUNC_map_lookup_elem, inner, stack(16), 0, 0, 0) == OK && *(u64 *)at(ret) == 55, "lookup");
	CHECK(call(BPF_FUNC_map_update_elem, h, stack(8), stack(24), 0, 0) == 1, "programs do not change outer maps");

	/* Named once for each place: it goes with the last one. */
	CHECK(!put(outer, 2, a) && !put(outer, 1, b) && granted(a) && granted(b), "a is still at 2");
	CHECK(moat_domain_map_at(domain, look(h, 1)) == b && moat_domain_map_at(domain, look(h, 2)) == a, "both");
	CHECK(!put(outer, 2, NULL) && !granted(a) && look(h, 2) == 0, "gone");
	CHECK(call(BPF_FUNC_map_lookup_elem, inner, stack(16), 0, 0, 0) == 1, "its old handle is refused");
	CHECK(put(outer, 2, NULL) == -ENOENT, "nothing there");

	/* A map that the program names itself stays. */
	CHECK(!put(outer, 2, direct) && look(h, 2) == h_direct && !put(outer, 2, NULL) && granted(direct), "stays");

	CHECK(put(outer, 1, outer) == -EINVAL, "another kind");
	wrong = map_make(BPF_MAP_TYPE_HASH, 4, 16, 4, 0, NULL);
	CHECK(put(outer, 1, wrong) == -EINVAL, "another value size");
	map_drop(wrong);
	key = 1;
	CHECK(moat_map__set_inner(outer, &key, 4, a) == -EBUSY, "not from within a run");
	CHECK(!moat_map__new_inner(outer, "late") && errno == EBUSY, "nor this: the lock may be waiting for this run");
	CHECK(moat_map__update_elem(outer, &key, 4, &key, 4, 0) == -EOPNOTSUPP, "set_inner is for that");
	moat_self->run = NULL;
	CHECK(!moat_map__delete_elem(outer, &key, 4, 0) && !granted(b), "deletion removes too");
	if (type == BPF_MAP_TYPE_ARRAY_OF_MAPS)
		CHECK(put(outer, 3, a) == -E2BIG && !granted(a), "behind the end");
	else
		CHECK(!put(outer, 7, a) && !put(outer, 8, a) && !put(outer, 9, a) && put(outer, 10, b) == -E2BIG &&
		      !granted(b) && granted(a), "full");
	moat_self->run = NULL;
	moat_domain_unmap(domain, outer);
	moat_domain_unmap(domain, direct);
	moat_domain_unmap(domain, a);
	moat_self->run = run;
	map_owner.maps = NULL;
	map_drop(a);
	map_drop(b);
	map_drop(direct);
	map_drop(outer);
}

static void programs(void)
{
	struct moat_map *map = map_make(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 3, 0, NULL);
	struct moat_object other = { .name = "other" };
	struct moat_program p = { .obj = &map_owner, .loaded = true }, foreign = { .obj = &other, .loaded = true };
	u32 key = 1;

	CHECK(!moat_map_program_at(map, 1), "empty");
	CHECK(!moat_map__set_program(map, 1, &p) && moat_map_program_at(map, 1) == &p, "set");
	CHECK(moat_map_program_at(map, 1ull << 32 | 1) == &p, "only the low half counts");
	CHECK(!moat_map_program_at(map, 3) && !moat_map_program_at(map, ~0ull), "behind the end");
	CHECK(moat_map__set_program(map, 3, &p) == -E2BIG, "behind the end");
	CHECK(moat_map__set_program(map, 0, &foreign) == -EINVAL, "a program of another object");
	p.loaded = false;
	CHECK(moat_map__set_program(map, 0, &p) == -EINVAL, "not loaded");
	CHECK(!moat_map__set_program(map, 1, NULL) && !moat_map_program_at(map, 1), "removed");
	CHECK(moat_map__delete_elem(map, &key, 4, 0) == -ENOENT, "nothing there");
	CHECK(moat_map__update_elem(map, &key, 4, &key, 4, 0) == -EOPNOTSUPP, "set_program is for that");
	map_drop(map);
}

int main(void)
{
	moat_set_print(NULL);
	helper_begin();
	outer_map(BPF_MAP_TYPE_ARRAY_OF_MAPS);
	outer_map(BPF_MAP_TYPE_HASH_OF_MAPS);
	programs();
	return check_done();
}
