/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The audit of helper calls.
 *
 * Emitted code comes here with host rights and whatever values the program
 * had in R1 to R5.  Each argument is supplied from what the host knows, or
 * checked against the helper's prototype, what was proved of it when the
 * program was loaded, and what this run's domain owns.  Only what was made from
 * checked values reaches the helper.  A value that fails ends the run; none is
 * ever bent into range.
 */
#include "gate.h"

/* One call, while its arguments are being checked. */
struct call {
	struct moat_run *run;
	const struct moat_call_gate *gate;
	const u64 *in;
	u64 *out;
	u64 bytes;			/* of memory that was checked, together */
	struct moat_issued *released;
};

/* What was proved of the argument of @check, as text that lives as long as the gate; NULL: nothing. */
static const char *proved(struct call *c, const struct moat_check *check)
{
	char *_Atomic *at = (char *_Atomic *)&c->gate->proved[check->arg];
	char text[MOAT_AUDIT_TEXT], *made, *old = NULL;

	if (!check->proved)
		return NULL;
	if (*at)
		return *at;
	made = strdup(moat_audit_text(text, &check->what, c->run->prog));
	if (made && !atomic_compare_exchange_strong(at, &old, made)) {
		free(made);
		made = old;
	}
	return made;
}

_Noreturn static void miss(struct call *c, const struct moat_check *check, const char *reason)
{
	moat_run_audit(c->run, c->gate->pc, c->gate->helper->id, check->arg + 1, c->in[check->arg], reason,
		       proved(c, check));
}

/* Memory ------------------------------------------------------------------- */

static bool inside(u32 at, u32 start, u32 length, u64 bytes)
{
	u32 into = at - start;

	return into <= length && bytes <= length - into;
}

static bool in_packet(const struct moat_run *run, u32 at, u64 bytes, u8 rights)
{
	return run->data_end && inside(at, run->data, run->data_end - run->data, bytes) &&
	       (run->packet_writable || !(rights & MOAT_WRITE));
}

static bool in_context(const struct moat_run *run, u32 at, u64 bytes)
{
	return inside(at, run->slot->off + MOAT_VIEW_CTX, run->ctx_bytes, bytes);
}

/* With a base register the code looks at the low half only, so that is what is meant here too. */
static bool is_offset(const struct moat_run *run, u64 p)
{
	return run->domain->basereg || !(p >> 32);
}

void *moat_run_memory(struct moat_run *run, u64 p, u64 bytes, u8 rights)
{
	u32 at = p;

	if (!is_offset(run, p))
		return NULL;
	if (inside(at, run->slot->off, MOAT_STACK_BYTES, bytes) || moat_domain_has(run->domain, at, bytes, rights) ||
	    in_packet(run, at, bytes, rights) || in_context(run, at, bytes))
		return moat_host(at);
	return NULL;
}

/* Is [@p, @p + @bytes) where it was proved to be? */
static bool in_region(const struct moat_run *run, const struct moat_check *check, u64 p, u64 bytes)
{
	const struct moat_arg_audit *a = &check->what;
	u32 at = p, top = run->slot->off + MOAT_STACK_BYTES;

	if (!is_offset(run, p))
		return false;
	switch ((enum moat_region_kind)a->region) {
	case MOAT_REGION_FRAME:
		return (u32)(at - (top + (u32)a->min)) <= a->span &&
		       inside(at, run->slot->off, MOAT_STACK_BYTES, bytes);
	case MOAT_REGION_CTX:
		return in_context(run, at, bytes);
	case MOAT_REGION_PACKET:
		return in_packet(run, at, bytes, a->rights);
	case MOAT_REGION_MAP:
		return !check->denied && inside(at, check->start, check->length, bytes);
	case MOAT_REGION_ANY:
	case MOAT_NR_REGIONS:
		break;
	}
	return moat_run_memory((struct moat_run *)run, p, bytes, a->rights);
}

static u64 size_of(const struct call *c, const struct moat_check *check)
{
	const struct moat_map *map = arg_ptr(c->out[check->map]);

	switch (check->what.size) {
	case MOAT_SIZE_NEXT:
		return c->out[check->arg + 1];
	case MOAT_SIZE_KEY:
		return map ? map->key_size : ~0ull;
	case MOAT_SIZE_VALUE:
		return map ? map->value_size : ~0ull;
	default:
		return check->what.bytes;
	}
}

/* Is this the null pointer, as the program's code would see it? */
static bool is_null(const struct call *c, u64 p)
{
	return c->run->domain->basereg ? !(u32)p : !p;
}

/* Where the program chooses the size, NULL stands for no bytes and never for more: helpers go by the size. */
static u64 memory(struct call *c, const struct moat_check *check)
{
	u64 p = c->in[check->arg], bytes = size_of(c, check);

	if (check->what.nullable && is_null(c, p) && (check->what.size != MOAT_SIZE_NEXT || !bytes))
		return 0;
	c->bytes += bytes;
	if (!in_region(c->run, check, p, bytes))
		miss(c, check, check->proved ? "not in the memory where it was proved to be" :
		     check->what.rights & MOAT_WRITE ? "not writable memory of this program" :
		     "not readable memory of this program");
	return (uintptr_t)moat_host(p);
}

/* Others ------------------------------------------------------------------- */

static u64 number(struct call *c, const struct moat_check *check)
{
	const struct moat_arg_audit *a = &check->what;
	u64 v = c->in[check->arg];

	if (v - a->min > a->span || (v & a->mask) != a->value)
		miss(c, check, "a number that it was not proved to be, or that the helper does not take");
	return v;
}

static u64 map(struct call *c, const struct moat_check *check)
{
	const struct moat_run *run = c->run;
	u64 p = c->in[check->arg], types = c->gate->helper->map_types;
	/* Handles are small numbers; what the code truncates is truncated here. */
	u64 handle = run->domain->basereg ? (u32)p : p;
	struct moat_map *m;

	if (check->what.nullable && !handle)
		return 0;
	m = moat_domain_map_at(run->domain, handle);
	if (!m)
		miss(c, check, "not a map of this program");
	if (types && !(types >> m->type & 1))
		miss(c, check, "a map of a type that this helper does not take");
	return (uintptr_t)m;
}

static u64 record(struct call *c, const struct moat_check *check)
{
	struct moat_issued *issued = moat_issued_find(c->run, MOAT_ISSUED_RINGBUF, c->in[check->arg]);

	if (!issued || (check->what.region == MOAT_REGION_MAP && !inside(issued->off, check->start, check->length, 0)))
		miss(c, check, "not a record that this run holds");
	return (uintptr_t)issued;
}

static u64 object(struct call *c, const struct moat_check *check)
{
	struct moat_issued *issued = moat_issued_find(c->run, MOAT_ISSUED_OBJECT, c->in[check->arg]);

	if (!issued || issued->type != check->what.ref)
		miss(c, check, "not an object of that type that this run holds");
	if (c->gate->helper->arg[check->arg].released) {
		if (c->released == issued)
			miss(c, check, "an object that the same call releases already");
		c->released = issued;
	}
	return (uintptr_t)issued->object;
}

static u64 callback(struct call *c, const struct moat_check *check)
{
	u64 handle = c->in[check->arg];

	if (!moat_image_callback(c->run->image, handle))
		miss(c, check, "not a callback of this program");
	return handle;
}

static u64 examine(struct call *c, const struct moat_check *check)
{
	switch ((enum moat_audit_kind)check->what.kind) {
	case MOAT_AUDIT_NUMBER:
		return number(c, check);
	case MOAT_AUDIT_MEMORY:
		return memory(c, check);
	case MOAT_AUDIT_HANDLE:
		return map(c, check);
	case MOAT_AUDIT_RECORD:
		return record(c, check);
	case MOAT_AUDIT_OBJECT:
		return object(c, check);
	case MOAT_AUDIT_CALLBACK:
		return callback(c, check);
	case MOAT_AUDIT_CONTEXT:	/* of a program whose context is its packet */
		return (uintptr_t)moat_host(c->run->data);
	default:
		miss(c, check, "an argument of unknown kind");
	}
}

/* Calls -------------------------------------------------------------------- */

void moat_run_charge(struct moat_run *run, u64 steps)
{
	run->frame.fuel -= steps < run->frame.fuel ? steps : run->frame.fuel;
}

static void pay(struct moat_run *run, const struct moat_call_gate *g, u64 bytes)
{
	u64 steps = moat_gate_price(g->bytes + bytes);

	if (run->frame.fuel < steps)
		moat_run_fault(run, MOAT_FAULT_FUEL, g->pc, 0);
	run->frame.fuel -= steps;
}

/* 1 if @v is as proved, or 0: numbers, to be combined without branches. */
static inline u32 compare(const struct moat_bounds *b, u64 v)
{
	return (v - b->min <= b->span) & ((v & b->mask) == b->value);
}

void moat_gate_pass(struct moat_run *run, const struct moat_call_gate *g, const u64 in[MOAT_MAX_ARGS],
		    u64 out[MOAT_MAX_ARGS], struct moat_issued **released)
{
	struct call c = { .run = run, .gate = g, .in = in, .out = out };
	u32 i;

	for (i = 0; i < g->nr_check; i++)
		out[g->check[i].arg] = examine(&c, &g->check[i]);
	for (i = 0; i < g->nr_sized; i++)
		c.bytes += out[g->sized[i]];
	pay(run, g, c.bytes);
	*released = c.released;
}

static const struct moat_call_gate *gate_of(const struct moat_frame *f, u64 site)
{
	return &((const struct moat_run *)f)->image->gate[site];
}

/* As moat_call(), with everything that a call can need. */
static __attribute__((__noinline__)) u64 call_checked(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct moat_frame *f,
						      u64 site)
{
	struct moat_run *run = (struct moat_run *)f;
	const struct moat_call_gate *g = gate_of(f, site);
	u64 in[MOAT_MAX_ARGS] = { r1, r2, r3, r4, r5 }, out[MOAT_MAX_ARGS], top = moat_gate_top(run), ret;
	struct moat_issued *released;

	out[0] = moat_gate_form(&g->source[0], r1, top);
	out[1] = moat_gate_form(&g->source[1], r2, top);
	out[2] = moat_gate_form(&g->source[2], r3, top);
	out[3] = moat_gate_form(&g->source[3], r4, top);
	out[4] = moat_gate_form(&g->source[4], r5, top);
	moat_gate_pass(run, g, in, out, &released);
	if (g->ret == MOAT_RET_OBJECT && !moat_issued_room(run))
		return 0;
	if (released)
		moat_issued_done(run, released);
	ret = g->fn(out[0], out[1], out[2], out[3], out[4], run);
	if (!ret)
		return 0;
	/* The null pointer of the host is that of the program too: offset 0 is never given out. */
	if (g->ret == MOAT_RET_MEM)
		return moat_offset((void *)(uintptr_t)ret);
	if (g->ret == MOAT_RET_OBJECT)
		return moat_issue_object(run, g->helper, (void *)(uintptr_t)ret);
	return ret;
}

/* As moat_call(), where numbers are all that is to be looked at. */
static __attribute__((__noinline__)) u64 call_compared(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct moat_frame *f,
						       u64 site)
{
	const struct moat_call_gate *g = gate_of(f, site);
	const struct moat_bounds *b = g->bounds;
	const struct moat_source *s = g->source;
	u64 top = moat_gate_top((struct moat_run *)f);

	r1 = moat_gate_form(&s[0], r1, top);
	r2 = moat_gate_form(&s[1], r2, top);
	r3 = moat_gate_form(&s[2], r3, top);
	r4 = moat_gate_form(&s[3], r4, top);
	r5 = moat_gate_form(&s[4], r5, top);
	if (compare(&b[0], r1) & compare(&b[1], r2) & compare(&b[2], r3) & compare(&b[3], r4) & compare(&b[4], r5))
		return g->fn(r1, r2, r3, r4, r5, (struct moat_run *)f);
	/* Numbers come out as they are, so this says which of them it is. */
	return call_checked(r1, r2, r3, r4, r5, f, site);
}

/* As moat_call(), where one number is to be compared; the stack serves to pick it without a branch. */
static __attribute__((__noinline__)) u64 call_compared_one(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct moat_frame *f,
							   u64 site)
{
	const struct moat_call_gate *g = gate_of(f, site);
	const struct moat_source *s = g->source;
	u64 in[MOAT_MAX_ARGS] = { r1, r2, r3, r4, r5 }, top = moat_gate_top((struct moat_run *)f);

	if (__builtin_expect(!compare(&g->bounds[g->number], in[g->number]), false))
		return call_checked(r1, r2, r3, r4, r5, f, site);
	return g->fn(moat_gate_form(&s[0], r1, top), moat_gate_form(&s[1], r2, top), moat_gate_form(&s[2], r3, top),
		     moat_gate_form(&s[3], r4, top), moat_gate_form(&s[4], r5, top), (struct moat_run *)f);
}

/* Most calls need no more than this function does. */
u64 moat_call(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct moat_frame *f, u64 site)
{
	const struct moat_call_gate *g = gate_of(f, site);
	const struct moat_source *s = g->source;
	u64 top;

	if (g->work == MOAT_WORK_COMPARE_ONE)
		return call_compared_one(r1, r2, r3, r4, r5, f, site);
	if (__builtin_expect(g->work == MOAT_WORK_ALL, false))
		return call_checked(r1, r2, r3, r4, r5, f, site);
	if (__builtin_expect(g->work == MOAT_WORK_COMPARE, false))
		return call_compared(r1, r2, r3, r4, r5, f, site);
	top = moat_gate_top((struct moat_run *)f);
	return g->fn(moat_gate_form(&s[0], r1, top), moat_gate_form(&s[1], r2, top), moat_gate_form(&s[2], r3, top),
		     moat_gate_form(&s[3], r4, top), moat_gate_form(&s[4], r5, top), (struct moat_run *)f);
}
