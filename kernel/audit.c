// SPDX-License-Identifier: GPL-2.0-only
/*
 * The audit of helper calls in the kernel.
 *
 * Images come here with host rights and whatever values the program had in R1
 * to R5.  Each argument is supplied from what the host knows, or checked
 * against the helper's prototype, what was proved of it when the program was
 * loaded, and what this run owns.  Only what was made from checked values
 * reaches the helper.  A value that fails ends the run; none is ever bent into
 * range.  So does whatever ends it from in here: nothing is held, no lock is taken.
 */
#include "gate.h"

__noreturn static void miss(struct moat_call *c, u32 arg, const char *why)
{
	struct moat_fault_info fault = {
		.kind = MOAT_FAULT_AUDIT, .arg = arg + 1, .pc = c->gate->pc, .value = c->in[arg], .why = why,
	};

	moat_run_fault(c->run, &fault);
}

/* Memory ------------------------------------------------------------------ */

/* Is [@at, @at + @bytes) where it was proved to be? */
static bool in_region(const struct moat_run *run, const struct moat_check *check, u32 at, u64 bytes)
{
	const struct moat_arg_audit *a = &check->what;
	u32 top = run->slot + MOAT_STACK_BYTES;

	switch ((enum moat_region_kind)a->region) {
	case MOAT_REGION_FRAME:
		return (u32)(at - (top + (u32)a->min)) <= a->span && moat_inside(at, bytes, run->slot, MOAT_STACK_BYTES);
	case MOAT_REGION_CTX:
		return moat_inside(at, bytes, run->slot + MOAT_SLOT_CTX, MOAT_SLOT_CTX_BYTES);
	case MOAT_REGION_PACKET:
		return run->data && (run->packet_writable || !(a->rights & MOAT_WRITE)) &&
		       moat_inside(at, bytes, run->data, run->data_end - run->data);
	case MOAT_REGION_MAP:
		return check->ring ? moat_issued_memory(run, at, bytes, check->ring) :
				     moat_inside(at, bytes, check->start, check->length);
	default:
		return moat_run_memory(run, at, bytes, a->rights & MOAT_WRITE);
	}
}

static u64 size_of(const struct moat_call *c, const struct moat_check *check)
{
	const struct bpf_map *map = (void *)c->out[check->map];

	switch (check->what.size) {
	case MOAT_SIZE_NEXT:
		return c->out[check->arg + 1];
	case MOAT_SIZE_KEY:
		return map->key_size;
	case MOAT_SIZE_VALUE:
		return map->value_size;
	default:
		return check->what.bytes;
	}
}

/* The low half of a register is its address, for the code and so for us.  NULL stands for no bytes, never for more. */
static u64 memory(struct moat_call *c, const struct moat_check *check)
{
	u64 bytes = size_of(c, check);
	u32 at = c->in[check->arg];

	if (check->what.nullable && !at && (check->what.size != MOAT_SIZE_NEXT || !bytes))
		return 0;
	if (!in_region(c->run, check, at, bytes))
		miss(c, check->arg, check->what.region != MOAT_REGION_ANY ? "not in the memory where it was proved to be" :
		     check->what.rights & MOAT_WRITE ? "not writable memory of this program" :
		     "not readable memory of this program");
	return (unsigned long)moat_host(at);
}

/* Others ------------------------------------------------------------------ */

static u64 number(struct moat_call *c, const struct moat_check *check)
{
	const struct moat_arg_audit *a = &check->what;
	u64 v = c->in[check->arg];

	if (v - a->min > a->span || (v & a->mask) != a->value)
		miss(c, check->arg, "a number that it was not proved to be, or that the helper does not take");
	return v;
}

static u64 map(struct moat_call *c, const struct moat_check *check)
{
	const struct bpf_map *m = moat_map_at(c->run->domain, (u32)c->in[check->arg]);
	const char *why = m ? moat_proto_misfit(c->gate->proto, m) : "not a map of this program";

	if (why)
		miss(c, check->arg, why);
	return (unsigned long)m;
}

static const struct moat_callback *find_callback(const struct moat_domain *d, u64 handle)
{
	u32 i;

	for (i = 0; i < d->audit->nr_callback; i++)
		if (d->audit->callback[i].start == handle)
			return &d->audit->callback[i];
	return NULL;
}

static u64 record(struct moat_call *c, const struct moat_check *check)
{
	struct moat_issued *issued = moat_issued_at(c->run, c->in[check->arg], check->ring);

	if (!issued)
		miss(c, check->arg, "not a record that this run holds");
	return (unsigned long)issued;
}

static u64 examine(struct moat_call *c, const struct moat_check *check)
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
	case MOAT_AUDIT_CALLBACK:
		if (!find_callback(c->run->domain, c->in[check->arg]))
			miss(c, check->arg, "not a callback of this program");
		return c->in[check->arg];
	default:
		miss(c, check->arg, "an argument of unknown kind");
	}
}

void moat_gate_pass(struct moat_call *c)
{
	const struct moat_site_gate *g = c->gate;
	u64 top = (unsigned long)moat_host(c->run->slot + MOAT_STACK_BYTES);
	u32 i;

	memset(c->out, 0, sizeof(c->out));
	for (i = 0; i < g->nr_arg; i++) {
		const struct moat_source *s = &g->source[i];

		c->out[i] = s->add + (c->in[i] & s->reg) + (top & s->top) + ((unsigned long)c->run->ctx & s->ctx);
	}
	for (i = 0; i < g->nr_check; i++)
		c->out[g->check[i].arg] = examine(c, &g->check[i]);
}

/* Copies ------------------------------------------------------------------ */

static const struct bpf_map *map_of_key(const struct moat_call *c)
{
	const struct bpf_map *m = NULL;
	u32 i;

	for (i = 0; i < c->gate->key; i++)
		if (c->gate->proto->h.arg[i].kind == MOAT_ARG_MAP)
			m = (void *)c->out[i];
	return m;
}

/*
 * An array's index must be the one that was compared with its length: keys as
 * short as that are looked at once.  A trie's key begins with its length.
 */
static void copy_key(struct moat_call *c)
{
	const struct bpf_map *m = map_of_key(c);
	u32 key = c->gate->key;

	if (m->key_size <= sizeof(c->key)) {
		memcpy(&c->key, (void *)c->out[key], m->key_size);
		c->out[key] = (unsigned long)&c->key;
	} else if (m->map_type == BPF_MAP_TYPE_LPM_TRIE) {
		c->copied |= 1 << key;
	}
}

/* As many bytes as there are at @at, up to @most, a power of two. */
static u32 readable(const struct moat_run *run, u32 at, u32 most)
{
	u32 n = 0, step;

	for (step = most; step && n < most; step /= 2)
		if (moat_run_memory(run, at, n + step, false))
			n += step;
	return n;
}

/* Returns where there is room again. */
static u8 *copy_argument(struct moat_call *c, u32 i, u8 *room, u8 *end)
{
	bool text = c->gate->proto->text & 1 << i;
	u64 bytes = c->gate->proto->h.arg[i].bytes;

	if (text)
		bytes = min_t(u64, readable(c->run, (u32)c->out[i], MOAT_COPY_BYTES), end - room);
	else if (moat_proto_sized(&c->gate->proto->h, i))
		bytes = c->out[i + 1];
	else if (i == c->gate->key)
		bytes = map_of_key(c)->key_size;
	if (bytes > end - room)
		miss(c, i, "more bytes than a gate copies");
	memcpy(room, (void *)c->out[i], bytes);
	if (text) {
		bytes = strnlen(room, bytes) + 1;
		if (bytes > end - room || room[bytes - 1])
			miss(c, i, "a string that does not end, or that is longer than a gate copies");
	}
	c->out[i] = (unsigned long)room;
	return room + ALIGN(bytes, 8);
}

/* Calls ------------------------------------------------------------------- */

/* bpf_loop(): the kernel's own would call what the program names. */
u64 __nocfi moat_gate_loop(struct moat_call *c)
{
	u64 (*entry)(u64 r1, u64 r2, u64 r3, struct moat_frame *f, u64 r4);
	const struct moat_callback *callback = find_callback(c->run->domain, c->out[1]);
	u32 i, n = c->out[0];
	u64 ret = 0;

	if (!callback)
		miss(c, 1, "not a callback of this program");
	if (c->out[3])
		return -EINVAL;
	if (n > BPF_MAX_LOOPS)
		return -E2BIG;
	/* A handle is a plain number: a callback can name itself, and the kernel's stack would end. */
	if (c->run->callbacks == MOAT_MAX_FRAMES)
		miss(c, 1, "a callback in a callback in a callback, too often");
	c->run->callbacks++;
	entry = (void *)(c->run->domain->image + callback->entry);
	for (i = 0; i < n && !ret; i++)
		ret = entry(i, c->out[2], 0, &c->run->frame, 0);
	c->run->callbacks--;
	return i;
}

/* What the program gets to see.  An address in the heap is what was asked for; nothing else may get out as one. */
static u64 result(struct moat_call *c, u64 ret)
{
	const struct moat_proto *p = c->gate->proto;

	if (p->no_result || !ret)
		return 0;
	if (!p->returns_value)
		return ret;
	if (WARN_ON_ONCE(ret - moat_heap_base > U32_MAX))
		miss(c, 0, "a map whose value is not where programs reach it");
	return (u32)ret;
}

static u64 finish(struct moat_call *c)
{
	const struct moat_proto *p = c->gate->proto;
	u64 ret;

	if (p->own)
		return p->own(c);
	if (p->context)
		moat_view_before_call(c->run);
	ret = p->fn(c->out[0], c->out[1], c->out[2], c->out[3], c->out[4]);
	if (c->gate->refills)
		moat_view_after_call(c->run, p->moves);
	return result(c, ret);
}

static noinline u64 finish_with_copies(struct moat_call *c)
{
	u8 room[MOAT_COPY_BYTES] __aligned(8), *at = room;
	u32 i;

	for (i = 0; i < MOAT_MAX_ARGS; i++)
		if (c->copied & 1 << i && c->out[i])
			at = copy_argument(c, i, at, room + sizeof(room));
	return finish(c);
}

u64 moat_gate_call(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct moat_frame *f, u64 site)
{
	struct moat_run *run = container_of(f, struct moat_run, frame);
	/* What is not set here is set by moat_gate_pass() and copy_key(), before it is read. */
	struct moat_call c __uninitialized;

	c.run = run;
	c.gate = &run->domain->gate[site];
	c.in[0] = r1;
	c.in[1] = r2;
	c.in[2] = r3;
	c.in[3] = r4;
	c.in[4] = r5;
	moat_gate_pass(&c);
	c.copied = c.gate->copied;
	if (c.gate->key >= 0)
		copy_key(&c);
	return c.copied ? finish_with_copies(&c) : finish(&c);
}
