// SPDX-License-Identifier: GPL-2.0-only
/*
 * What runs were issued and still hold: records of ring buffers.
 *
 * No program gets at a record itself, as the kernel's own words lie right in
 * front of it.  It has a copy in its slot, its staging, which is copied to the
 * record when that is submitted.  What a run still holds when it ends, however
 * it ends, is discarded: a record that nobody releases would stop the ring.
 */
#include <linux/bitops.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include "gate.h"

#define MOAT_MAX_ISSUED		8	/* that a run holds at the same time */
#define STAGING_BYTES		SZ_8K	/* at least; more for programs that are known to reserve more */
#define STAGING_BYTES_MAX	SZ_64K

/* A record. */
struct moat_issued {
	u32 at, bytes;		/* of its staging, from where the slot's begins */
	void *sample;		/* the record itself */
	u64 header;		/* the kernel's words in front of it, as they were when it was reserved */
	const struct bpf_map *ring;
};

/* What the run in one slot holds.  In memory of the host: it says where to copy to. */
struct moat_held {
	unsigned long busy;	/* bit i: issued[i] is held */
	struct moat_issued issued[MOAT_MAX_ISSUED];
};

/* Plans --------------------------------------------------------------------- */

/* Room for a record of each call, where it is known how long they are.  The verifier asks for constants. */
int moat_issued_plan(struct moat_domain *d, struct bpf_verifier_env *env)
{
	const struct moat_audit *a = d->audit;
	u64 sum = 0;
	u32 i;

	if (!moat_proto_of(d, BPF_FUNC_ringbuf_reserve))
		return 0;
	for (i = 0; i < a->nr_record; i++) {
		const struct moat_arg_audit *size = &a->record[i].arg[1];

		if (a->record[i].helper != BPF_FUNC_ringbuf_reserve || size->kind != MOAT_AUDIT_CONST)
			continue;
		if (size->min > STAGING_BYTES_MAX)
			return moat_refuse(env, -EOPNOTSUPP, "insn %u: a record of %llu bytes, and there is room for %u",
					   a->record[i].pc, size->min, STAGING_BYTES_MAX);
		sum = min_t(u64, sum + ALIGN(size->min, 8), STAGING_BYTES_MAX);
	}
	d->staging_bytes = max_t(u64, sum, STAGING_BYTES);
	return 0;
}

int moat_issued_make(struct moat_domain *d)
{
	if (!d->staging_bytes)
		return 0;
	d->held = kvcalloc(d->nr_slot, sizeof(*d->held), GFP_KERNEL_ACCOUNT);
	return d->held ? 0 : -ENOMEM;
}

void moat_issued_free(struct moat_domain *d)
{
	kvfree(d->held);
	d->held = NULL;
}

/* Runs ---------------------------------------------------------------------- */

struct moat_held *moat_issued_of(const struct moat_domain *d, u32 slot)
{
	return d->held ? &d->held[slot] : NULL;
}

static u32 staging(const struct moat_run *run)
{
	return run->slot + run->domain->staging;
}

/* Two records are never at the same place, even if they have no bytes. */
static u32 room_of(u32 bytes)
{
	return ALIGN(max(bytes, 1u), 8);
}

static bool is_free(const struct moat_held *held, u32 at, u32 room)
{
	u32 i;

	for_each_set_bit(i, &held->busy, MOAT_MAX_ISSUED) {
		const struct moat_issued *one = &held->issued[i];

		if (at < one->at + room_of(one->bytes) && one->at < at + room)
			return false;
	}
	return true;
}

/* A place in the staging: at its start, or behind a record that is held.  -1: there is none. */
static s32 find_place(const struct moat_held *held, u32 room, u32 staging_bytes)
{
	u32 i, at;

	if (is_free(held, 0, room))
		return 0;
	for_each_set_bit(i, &held->busy, MOAT_MAX_ISSUED) {
		at = held->issued[i].at + room_of(held->issued[i].bytes);
		if (room <= staging_bytes - at && is_free(held, at, room))
			return at;
	}
	return -1;
}

static u64 *header_of(const struct moat_issued *one)
{
	return (u64 *)one->sample - 1;
}

/*
 * By its header the kernel finds the ring to which a record goes back.  What
 * programs put into other records must not be there, even if records overlap,
 * as they did when the ring believed its reader (CVE-2024-41009).
 */
static void restore_header(const struct moat_issued *one)
{
	WRITE_ONCE(*header_of(one), one->header);
}

/* Where there is no room for it, it is as if the ring were full. */
u64 moat_gate_reserve(struct moat_call *c)
{
	u32 staging_bytes = c->run->domain->staging_bytes, bytes = c->out[1], i;
	struct moat_held *held = c->run->held;
	s32 at;

	i = find_first_zero_bit(&held->busy, MOAT_MAX_ISSUED);
	if (i == MOAT_MAX_ISSUED || c->out[1] > staging_bytes)
		return 0;
	at = find_place(held, room_of(bytes), staging_bytes);
	if (at < 0)
		return 0;
	held->issued[i] = (struct moat_issued) { .at = at, .bytes = bytes, .ring = (void *)c->out[0] };
	held->issued[i].sample = (void *)(unsigned long)c->gate->proto->fn(c->out[0], bytes, c->out[2], 0, 0);
	if (!held->issued[i].sample)
		return 0;
	held->issued[i].header = *header_of(&held->issued[i]);
	held->busy |= BIT(i);
	return staging(c->run) + at;
}

struct moat_issued *moat_issued_at(const struct moat_run *run, u32 off, const struct bpf_map *ring)
{
	u32 i;

	if (!run->held)
		return NULL;
	for_each_set_bit(i, &run->held->busy, MOAT_MAX_ISSUED)
		if (run->held->issued[i].at == off - staging(run))
			return ring && run->held->issued[i].ring != ring ? NULL : &run->held->issued[i];
	return NULL;
}

bool moat_issued_memory(const struct moat_run *run, u32 off, u64 bytes, const struct bpf_map *ring)
{
	u32 i, into;

	if (!run->held)
		return false;
	for_each_set_bit(i, &run->held->busy, MOAT_MAX_ISSUED) {
		const struct moat_issued *one = &run->held->issued[i];

		into = off - staging(run) - one->at;
		if (into <= one->bytes && bytes <= one->bytes - into)
			return !ring || one->ring == ring;
	}
	return false;
}

/* It is held no more, so that nothing releases it again.  Its bytes are the program's: nobody looks at them here. */
u64 moat_gate_release(struct moat_call *c)
{
	const struct moat_issued *one = (void *)c->out[0];
	const struct moat_proto *p = c->gate->proto;
	struct moat_run *run = c->run;

	run->held->busy &= ~BIT(one - run->held->issued);
	if (p->h.id == BPF_FUNC_ringbuf_submit)
		memcpy(one->sample, moat_host(staging(run) + one->at), one->bytes);
	restore_header(one);
	p->fn((unsigned long)one->sample, c->out[1], 0, 0, 0);
	return 0;
}

void moat_issued_leave(struct moat_run *run)
{
	struct moat_held *held = run->held;

	while (held->busy) {
		u32 i = __ffs(held->busy);

		held->busy &= ~BIT(i);
		restore_header(&held->issued[i]);
		bpf_ringbuf_discard_proto.func((unsigned long)held->issued[i].sample, 0, 0, 0, 0);
	}
}
