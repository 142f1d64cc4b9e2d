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

void moat_gate_miss(struct moat_call *c, u32 arg, const char *why)
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
		moat_gate_miss(c, check->arg, check->what.region != MOAT_REGION_ANY ? "not in the memory where it was proved to be" :
		     check->what.rights & MOAT_WRITE ? "not writable memory of this program" :
		     "not readable memory of this program");
	return (unsigned long)moat_host(at);
}

/* Others ------------------------------------------------------------------ */

static u64 number(struct moat_call *c, const struct moat_check *check)
{
	u64 v = c->in[check->arg];

	if (!moat_number_passes(&check->what, v))
		moat_gate_miss(c, check->arg, MOAT_NUMBER_MISSES);
	return v;
}

static u64 map(struct moat_call *c, const struct moat_check *check)
{
	const struct bpf_map *m = moat_map_at(c->run->domain, (u32)c->in[check->arg]) ?:
				  moat_inner_at(c->run->domain, c->in[check->arg]);
	const char *why = m ? moat_proto_misfit(c->gate->proto, m) : "not a map of this program";

	if (why)
		moat_gate_miss(c, check->arg, why);
	return (unsigned long)m;
}

static u64 record(struct moat_call *c, const struct moat_check *check)
{
	struct moat_issued *issued = moat_issued_at(c->run, c->in[check->arg], check->ring);

	if (!issued)
		moat_gate_miss(c, check->arg, "not a record that this run holds");
	return (unsigned long)issued;
}

static u64 socket(struct moat_call *c, const struct moat_check *check)
{
	void *sk = moat_socket_at(c->run, c->in[check->arg], check->what.ref == MOAT_OBJECT_FULL_SOCKET);

	if (!sk)
		moat_gate_miss(c, check->arg, "not the socket of this run's context");
	return (unsigned long)sk;
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
	case MOAT_AUDIT_OBJECT:
		return socket(c, check);
	case MOAT_AUDIT_CALLBACK:
		if (!moat_callback_at(c->run->domain, c->in[check->arg]))
			moat_gate_miss(c, check->arg, "not a callback of this program");
		return c->in[check->arg];
	default:
		moat_gate_miss(c, check->arg, "an argument of unknown kind");
	}
}

void moat_gate_pass(struct moat_call *c)
{
	const struct moat_site_gate *g = c->gate;
	u32 i;

	for (i = 0; i < MOAT_MAX_ARGS; i++)
		c->out[i] = moat_call_form(c, i);
	for (i = 0; i < g->nr_check; i++)
		c->out[g->check[i].arg] = examine(c, &g->check[i]);
}

/* Copies ------------------------------------------------------------------ */

/* The argument that is the map of the key. */
static const struct bpf_map *map_of_key(const struct moat_call *c)
{
	return (void *)c->out[c->gate->key_map];
}

/*
 * An array's index must be the one that was compared with its length: keys as
 * short as that are looked at once.  A trie's key begins with its length, and
 * an element belongs where the hash of its key says; there is no room for keys
 * that are longer than a trie's can be.
 */
void moat_gate_copy_key(struct moat_call *c)
{
	const struct bpf_map *m = map_of_key(c);
	u64 *key = &c->out[c->gate->key];

	if (m->key_size <= sizeof(c->key)) {
		memcpy(&c->key, (void *)*key, m->key_size);
		*key = (unsigned long)&c->key;
	} else if (m->key_size <= MOAT_COPY_BYTES &&
		   (m->map_type == BPF_MAP_TYPE_LPM_TRIE || c->gate->proto->changes_map)) {
		c->copied |= 1 << c->gate->key;
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
		moat_gate_miss(c, i, "more bytes than a gate copies");
	memcpy(room, (void *)c->out[i], bytes);
	if (text) {
		bytes = strnlen(room, bytes) + 1;
		if (bytes > end - room || room[bytes - 1])
			moat_gate_miss(c, i, "a string that does not end, or that is longer than a gate copies");
	}
	c->out[i] = (unsigned long)room;
	return room + ALIGN(bytes, 8);
}

void moat_gate_copy(struct moat_call *c, u8 *room)
{
	u8 *end = room + MOAT_COPY_BYTES;
	u32 i;

	for (i = 0; i < MOAT_MAX_ARGS; i++)
		if (c->copied & 1 << i && c->out[i])
			room = copy_argument(c, i, room, end);
}
