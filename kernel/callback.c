// SPDX-License-Identifier: GPL-2.0-only
/*
 * Helpers that call back: functions of the program, which are entered as the program itself is.
 *
 * A callback is named by its first instruction, a plain number; which of the
 * numbers are callbacks knows the host.  Where the kernel holds something while
 * it calls back, a run that ends in there comes back to the kernel first.
 */
#include <linux/preempt.h>
#include "gate.h"

/* In an NMI, one in the other; what a breakpoint of a kprobe calls counts as one. */
#define NMI_CALLBACKS	3

const struct moat_callback *moat_callback_at(const struct moat_domain *d, u64 handle)
{
	u32 i;

	for (i = 0; i < d->audit->nr_callback; i++)
		if (d->audit->callback[i].start == handle)
			return &d->audit->callback[i];
	return NULL;
}

/* The one that argument 2 names.  To be ended by callbacks--. */
static const struct moat_callback *begin(struct moat_call *c)
{
	const struct moat_callback *callback = moat_callback_at(c->run->domain, c->out[1]);

	if (!callback)
		moat_gate_miss(c, 1, "not a callback of this program");
	/* A handle is a plain number: a callback can name itself, and the kernel's stack would end; an NMI's is a short one. */
	if (c->run->callbacks == (in_nmi() ? NMI_CALLBACKS : MOAT_MAX_FRAMES))
		moat_gate_miss(c, 1, "a callback in a callback in a callback, too often");
	c->run->callbacks++;
	return callback;
}

static u64 __nocfi call(struct moat_run *run, const struct moat_callback *callback, u64 r1, u64 r2, u64 r3, u64 r4)
{
	u64 (*entry)(u64 r1, u64 r2, u64 r3, struct moat_frame *f, u64 r4);

	entry = (void *)(run->domain->image + callback->entry);
	return entry(r1, r2, r3, &run->frame, r4);
}

/* bpf_loop(): the kernel's own would call what the program names. */
u64 moat_gate_loop(struct moat_call *c)
{
	const struct moat_callback *callback;
	u32 i, n = c->out[0];
	u64 ret = 0;

	if (c->out[3])
		return -EINVAL;
	if (n > BPF_MAX_LOOPS)
		return -E2BIG;
	callback = begin(c);
	for (i = 0; i < n && !ret; i++)
		ret = call(c->run, callback, i, c->out[2], 0, 0);
	c->run->callbacks--;
	return i;
}

/* Elements of maps ---------------------------------------------------------- */

static u32 keys(const struct moat_run *run)
{
	return run->slot + run->domain->keys;
}

/* A walk over the elements of a map, in which the run can end. */
struct walk {
	struct moat_run *run;
	const struct moat_callback *callback;
	const struct bpf_map *map;
	u64 r1, r4;		/* of the callback: the map's handle, and what the program passed */
	u64 key, value, ret;	/* of one call */
	bool back;		/* it has returned */
};

/* Called by moat_image_call(), so that a run that is ended goes on behind that. */
static u64 visit(u64 arg, u64 none, struct moat_frame *f)
{
	struct walk *w = (void *)arg;

	w->ret = call(w->run, w->callback, w->r1, w->key, w->value, w->r4);
	w->back = true;
	return 0;
}

/* What the kernel calls for each element, with whatever it holds meanwhile. */
static u64 element(u64 map, u64 key, u64 value, u64 arg, u64 none)
{
	struct walk *w = (void *)arg;
	struct moat_run *run = w->run;
	unsigned long outer_sp = run->host_sp;
	bool called = run->called;
	u32 at = keys(run) + (run->callbacks - 1) * run->domain->key_bytes;

	w->back = false;
	if (WARN_ON_ONCE(value - moat_heap_base > U32_MAX || w->map->key_size > run->domain->key_bytes))
		return 1;
	memcpy(moat_host(at), (void *)key, w->map->key_size);
	w->key = at;
	w->value = (u32)value;
	/* Even if the run began in its stub, one that is ended from now on goes on behind this call. */
	run->called = true;
	moat_image_call(run, (unsigned long)w, (unsigned long)visit);
	run->called = called;
	run->host_sp = outer_sp;
	return !w->back || w->ret;
}

u64 moat_gate_each(struct moat_call *c)
{
	struct bpf_map *map = (void *)c->out[0];
	struct walk w = { .run = c->run, .map = map, .r1 = moat_map_handle(c->run->domain, map), .r4 = c->out[2], .back = true };
	u64 ret;

	if (c->out[3])
		return -EINVAL;
	w.callback = begin(c);
	ret = map->ops->map_for_each_callback(map, (bpf_callback_t)element, &w, 0);
	if (!w.back)
		moat_run_end(c->run);
	c->run->callbacks--;
	return ret;
}

/* Keys ---------------------------------------------------------------------- */

/* Room for the key of an element, for each callback that can be in progress: the longest key of a map that it can be. */
void moat_callbacks_plan(struct moat_domain *d)
{
	const struct moat_proto *p = moat_proto_of(d, BPF_FUNC_for_each_map_elem);
	u32 i, bytes = 0;

	for (i = 0; p && i < d->nr_map; i++) {
		bytes = max(bytes, d->map[i]->key_size);
		if (d->map[i]->inner_map_meta)
			bytes = max(bytes, d->map[i]->inner_map_meta->key_size);
	}
	d->key_bytes = ALIGN(bytes, 8);
}

/* Read-only for helpers, as it is for programs; that a program can write there harms nobody. */
bool moat_callback_memory(const struct moat_run *run, u32 at, u64 bytes)
{
	return moat_inside(at, bytes, keys(run), run->callbacks * run->domain->key_bytes);
}
