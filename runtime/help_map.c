/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Helpers: maps, loops and ring buffers. */
#include "helpers.h"

/* BPF_MAX_LOOPS */
#define MAX_LOOPS	(8u << 20)

/* What the program gets: the offset of the value, or for maps of maps what names the inner map. */
MOAT_HELPER(map_lookup_elem)
{
	struct moat_map *map = arg_ptr(r1);
	void *value = map->ops->lookup(map, arg_ptr(r2), run->thread->cpu);

	if (map->inner)
		return value ? moat_map_seen(run, value) : 0;
	return moat_offset(value);
}

MOAT_HELPER(map_lookup_percpu_elem)
{
	struct moat_map *map = arg_ptr(r1);

	if ((u32)r3 >= MOAT_MAX_CPUS)
		return 0;
	return moat_offset(map->ops->lookup(map, arg_ptr(r2), (u32)r3));
}

MOAT_HELPER(map_update_elem)
{
	struct moat_map *map = arg_ptr(r1);

	if (!(map->rights & MOAT_WRITE))
		return -EPERM;
	return map->ops->update(map, arg_ptr(r2), arg_ptr(r3), r4, run->thread->cpu);
}

MOAT_HELPER(map_delete_elem)
{
	struct moat_map *map = arg_ptr(r1);

	if (!(map->rights & MOAT_WRITE))
		return -EPERM;
	return map->ops->delete(map, arg_ptr(r2));
}

/* @r3 is for the callback only: it gets it as it is. */
MOAT_HELPER(for_each_map_elem)
{
	struct moat_map *map = arg_ptr(r1);

	if (r4)
		return -EINVAL;
	return map->ops->each(map, run, r2, r3);
}

MOAT_HELPER(loop)
{
	u32 i, nr = r1;

	if (r4)
		return -EINVAL;
	if (nr > MAX_LOOPS)
		return -E2BIG;
	for (i = 0; i < nr; i++)
		if (moat_callback(run, r2, i, r3, 0, 0))
			return i + 1;
	return i;
}

/* Emitted code does tail calls itself; the row is there so that the number is known. */
MOAT_HELPER(tail_call)
{
	return -EINVAL;
}

/* Ring buffers ------------------------------------------------------------- */

#define WAKEUP_FLAGS	(BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP)

MOAT_HELPER(ringbuf_output)
{
	struct moat_map *map = arg_ptr(r1);
	void *data;
	u64 pos;

	if (r4 & ~WAKEUP_FLAGS)
		return -EINVAL;
	data = moat_ring_reserve(map, r3, &pos);
	if (!data)
		return -EAGAIN;
	memcpy(data, arg_ptr(r2), r3);
	moat_ring_commit(map, pos, false, r4);
	return 0;
}

MOAT_HELPER(ringbuf_reserve)
{
	struct moat_map *map = arg_ptr(r1);
	struct moat_issued *issued;
	void *data;

	if (r3)
		return 0;
	issued = moat_issue(run, MOAT_ISSUED_RINGBUF);
	if (!issued)
		return 0;
	data = moat_ring_reserve(map, r2, &issued->private);
	if (!data) {
		moat_issued_done(run, issued);
		return 0;
	}
	issued->map = map;
	issued->off = moat_offset(data);
	issued->bytes = r2;
	return (uintptr_t)data;
}

/* Commit a record and take it off the run's list.  A pointer that is no record does nothing in mode none. */
static void finish(struct moat_run *run, u64 r1, bool discard, u64 flags)
{
	struct moat_issued *issued = arg_ptr(r1);

	if (run->domain->mode == MOAT_MODE_NONE)
		issued = moat_issued_find(run, MOAT_ISSUED_RINGBUF, r1);
	if (!issued)
		return;
	moat_ring_commit(issued->map, issued->private, discard, flags);
	moat_issued_done(run, issued);
}

MOAT_HELPER(ringbuf_submit)
{
	finish(run, r1, false, r2);
	return 0;
}

MOAT_HELPER(ringbuf_discard)
{
	finish(run, r1, true, r2);
	return 0;
}

MOAT_HELPER(ringbuf_query)
{
	return moat_ring_query(arg_ptr(r1), r2);
}
