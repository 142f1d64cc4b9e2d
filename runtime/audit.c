/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The audit of helper calls.
 *
 * Emitted code comes here with host rights and whatever values the program
 * had in R1 to R5.  Nothing was proved about them: each is checked against the
 * helper's prototype and against what this run's domain owns, and only what
 * was made from checked values reaches the helper.  A value that fails ends
 * the run; none is ever bent into range.
 */
#include "helpers.h"

/* The kernel's limit on the size of memory that is passed to a helper. */
#define MAX_SIZE	(1ull << 29)

/* One call, while its arguments are being checked. */
struct call {
	struct moat_run *run;
	const struct moat_helper *helper;
	struct moat_map *map;		/* the last map argument */
	u32 pc;
	u64 bytes;			/* of memory arguments, together */
	u64 in[MOAT_MAX_ARGS + 1];	/* one more, so that a memory argument always has a next one */
	u64 out[MOAT_MAX_ARGS];
};

_Noreturn static void miss(struct call *c, u32 i, const char *reason)
{
	moat_run_audit(c->run, c->pc, c->helper->id, i + 1, c->in[i], reason);
}

static bool inside(u32 at, u32 start, u32 length, u64 bytes)
{
	u32 into = at - start;

	return into <= length && bytes <= length - into;
}

void *moat_run_memory(struct moat_run *run, u64 p, u64 bytes, u8 rights)
{
	const struct moat_domain *d = run->domain;
	u32 at = p, slot = run->slot->off;

	/* With a base register the code looks at the low half only, so that is what is meant here too. */
	if (!d->basereg && p >> 32)
		return NULL;
	if (inside(at, slot, MOAT_STACK_BYTES, bytes))
		return moat_host(at);
	if (moat_domain_has(d, at, bytes, rights))
		return moat_host(at);
	if (run->data_end && inside(at, run->data, run->data_end - run->data, bytes) &&
	    (run->packet_writable || !(rights & MOAT_WRITE)))
		return moat_host(at);
	if (inside(at, slot + MOAT_VIEW_CTX, run->ctx_bytes, bytes))
		return moat_host(at);
	return NULL;
}

/* Is this the null pointer, as the program's code would see it? */
static bool is_null(const struct call *c, u64 p)
{
	return c->run->domain->basereg ? !(u32)p : !p;
}

static u64 memory(struct call *c, u32 i, u64 bytes, u8 rights)
{
	void *p = moat_run_memory(c->run, c->in[i], bytes, rights);

	c->bytes += bytes;
	if (!p)
		miss(c, i, rights & MOAT_WRITE ? "not writable memory of this program" :
		     "not readable memory of this program");
	return (uintptr_t)p;
}

/* Memory of a size that the program does not choose: NULL passes where the prototype says so. */
static u64 fixed_memory(struct call *c, u32 i, u64 bytes, u8 rights)
{
	if (c->helper->arg[i].nullable && is_null(c, c->in[i]))
		return 0;
	return memory(c, i, bytes, rights);
}

/*
 * Memory whose size is the next argument, or part of the prototype.  With a
 * size, NULL stands for no bytes and never for more: helpers go by the size.
 */
static u64 sized_memory(struct call *c, u32 i, u8 rights)
{
	u8 next = i + 1 < MOAT_MAX_ARGS ? c->helper->arg[i + 1].kind : MOAT_ARG_NONE;
	u64 bytes = c->in[i + 1];

	if (next != MOAT_ARG_SIZE && next != MOAT_ARG_SIZE_OR_ZERO) {
		bytes = c->helper->arg[i].bytes;
		if (!bytes)
			miss(c, i, "memory of unknown size");
		return fixed_memory(c, i, bytes, rights);
	}
	if (!bytes && next == MOAT_ARG_SIZE)
		miss(c, i + 1, "size 0");
	if (bytes > MAX_SIZE)
		miss(c, i + 1, "size too large");
	if (!bytes && is_null(c, c->in[i]))
		return 0;
	return memory(c, i, bytes, rights);
}

static u64 map_memory(struct call *c, u32 i, bool key, u8 rights)
{
	if (!c->map)
		miss(c, i, "no map in front of it");
	return fixed_memory(c, i, key ? c->map->key_size : c->map->value_size, rights);
}

static u64 map(struct call *c, u32 i)
{
	const struct moat_run *run = c->run;
	/* Handles are small numbers; what the code truncates is truncated here. */
	u64 handle = run->domain->basereg ? (u32)c->in[i] : c->in[i];
	struct moat_map *m;

	if (c->helper->arg[i].nullable && !handle)
		return 0;
	m = moat_domain_map_at(run->domain, handle);
	if (!m)
		miss(c, i, "not a map of this program");
	if (c->helper->map_types && !(c->helper->map_types >> m->type & 1))
		miss(c, i, "a map of a type that this helper does not take");
	c->map = m;
	return (uintptr_t)m;
}

static u64 context(const struct moat_run *run)
{
	return (uintptr_t)moat_host(run->ctx_bytes ? run->slot->off + MOAT_VIEW_CTX : run->data);
}

static u64 record(struct call *c, u32 i)
{
	struct moat_issued *issued = moat_issued_find(c->run, c->in[i]);

	if (!issued)
		miss(c, i, "not a record that this run holds");
	return (uintptr_t)issued;
}

static u64 callback(struct call *c, u32 i)
{
	if (!moat_image_callback(c->run->image, c->in[i]))
		miss(c, i, "not a callback of this program");
	return c->in[i];
}

static u64 check(struct call *c, u32 i)
{
	switch ((enum moat_arg_kind)c->helper->arg[i].kind) {
	case MOAT_ARG_NONE:
		return 0;
	case MOAT_ARG_SCALAR:
	case MOAT_ARG_SIZE:		/* was checked with its memory */
	case MOAT_ARG_SIZE_OR_ZERO:
	case MOAT_ARG_FLAGS:
	case MOAT_ARG_OBJECT:
		return c->in[i];
	case MOAT_ARG_CTX:
		return context(c->run);
	case MOAT_ARG_MAP:
		return map(c, i);
	case MOAT_ARG_MAP_KEY:
		return map_memory(c, i, true, MOAT_READ);
	case MOAT_ARG_MAP_VALUE:
		return map_memory(c, i, false, MOAT_READ);
	case MOAT_ARG_MAP_VALUE_OUT:
		return map_memory(c, i, false, MOAT_WRITE);
	case MOAT_ARG_MEM:
		return sized_memory(c, i, MOAT_READ);
	case MOAT_ARG_MEM_OUT:
		return sized_memory(c, i, MOAT_WRITE);
	case MOAT_ARG_CALLBACK:
		return callback(c, i);
	case MOAT_ARG_RECORD:
		return record(c, i);
	case MOAT_NR_ARGS:
		break;
	}
	miss(c, i, "an argument of unknown kind");
}

void moat_run_charge(struct moat_run *run, u64 steps)
{
	run->frame.fuel -= steps < run->frame.fuel ? steps : run->frame.fuel;
}

/*
 * A helper works as long as the program tells it to: without a price, copying
 * a large map again and again would cost no more fuel than the calls.
 */
static void pay(struct call *c)
{
	u64 steps = 1 + c->bytes / 16;

	if (c->run->frame.fuel < steps)
		moat_run_fault(c->run, MOAT_FAULT_FUEL, c->pc, 0);
	c->run->frame.fuel -= steps;
}

u64 moat_call(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct moat_frame *f, u64 site)
{
	struct moat_run *run = (struct moat_run *)f;
	const struct moat_helper *helper = run->image->helper[site];
	struct call c;
	u64 ret;
	u32 i;

	/* Field by field: compilers clear such a structure with a slow string instruction. */
	c.run = run;
	c.helper = helper;
	c.map = NULL;
	c.pc = run->image->site[site].pc;
	c.bytes = 0;
	c.in[0] = r1;
	c.in[1] = r2;
	c.in[2] = r3;
	c.in[3] = r4;
	c.in[4] = r5;
	c.in[5] = 0;
	/* Kinds follow one another without gaps: the rest of the arguments is 0. */
	for (i = 0; i < MOAT_MAX_ARGS && helper->arg[i].kind; i++)
		c.out[i] = check(&c, i);
	for (; i < MOAT_MAX_ARGS; i++)
		c.out[i] = 0;
	pay(&c);

	ret = ((moat_helper_fn *)(void (*)(void))helper->fn)(c.out[0], c.out[1], c.out[2], c.out[3], c.out[4], run);
	/* The null pointer of the host is that of the program too: offset 0 is never given out. */
	return helper->ret == MOAT_RET_MEM && ret ? moat_offset((void *)(uintptr_t)ret) : ret;
}

/* Legacy packet loads ------------------------------------------------------ */

/*
 * LD_ABS and LD_IND: @bytes at @offset of the packet, as a number in host
 * order, or ~0 when that is outside.  Negative offsets count from the link or
 * network header; extensions (SKF_AD_OFF) were converted away by whoever made
 * the program, so they are outside.
 */
u64 moat_packet(u64 offset, u64 bytes, u64 r3, u64 r4, u64 r5, struct moat_frame *f, u64 site)
{
	const struct moat_run *run = (struct moat_run *)f;
	u8 data[4] = { 0 };
	s64 at = (s32)offset;
	u32 i, v = 0;

	if (at < SKF_LL_OFF)
		return ~0ull;
	if (at < SKF_NET_OFF)
		at -= SKF_LL_OFF;
	else if (at < 0)
		at += ETH_HLEN - SKF_NET_OFF;
	if (at + bytes > run->data_end - run->data || bytes > sizeof(data))
		return ~0ull;
	memcpy(data, moat_host(run->data + at), bytes);
	for (i = 0; i < bytes; i++)
		v = v << 8 | data[i];
	return v;
}

/* Objects that runs hold --------------------------------------------------- */

static_assert(MOAT_MAX_ISSUED < 32, "moat_run.issued_busy has a bit for each");

struct moat_issued *moat_issued_find(struct moat_run *run, u64 p)
{
	u32 busy;

	if (!run->domain->basereg && p >> 32)
		return NULL;
	for (busy = run->issued_busy; busy; busy &= busy - 1) {
		struct moat_issued *issued = &run->issued[__builtin_ctz(busy)];

		if (issued->kind == MOAT_ISSUED_RINGBUF && issued->off == (u32)p)
			return issued;
	}
	return NULL;
}

struct moat_issued *moat_issue(struct moat_run *run, enum moat_issued_kind kind)
{
	u32 i = __builtin_ctz(~run->issued_busy);

	if (i >= MOAT_MAX_ISSUED)
		return NULL;
	run->issued_busy |= 1u << i;
	run->issued[i].kind = kind;
	return &run->issued[i];
}

void moat_issued_done(struct moat_run *run, struct moat_issued *issued)
{
	issued->kind = MOAT_ISSUED_FREE;
	run->issued_busy &= ~(1u << (issued - run->issued));
}

void moat_run_release(struct moat_run *run)
{
	run->scratch = 0;
	while (run->issued_busy) {
		struct moat_issued *issued = &run->issued[__builtin_ctz(run->issued_busy)];

		moat_print(MOAT_DEBUG, "map '%s': a record that the program still held is discarded",
			   issued->map->name);
		moat_ring_commit(issued->map, issued->private, true, 0);
		moat_issued_done(run, issued);
	}
}
