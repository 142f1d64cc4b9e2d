/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Pointers forged by arithmetic that somebody misjudged: one program, run against all that it could reach. */
#include "history.h"

enum end { READ, WRITE, VALUE, BASE };

#define OVERWRITTEN	0x3c3c3c3c

/* A loaded program with what belongs to it. */
struct trial {
	const struct forged *f;
	struct moat_object *obj;
	struct moat_map map, extra;
	u64 handle, given;	/* the map's handle; WORD_EXTRA */
	u32 at_read, at_write;	/* slots of the accesses */
};

/* Where the forged pointer is to lead. */
struct target {
	u64 address;
	u64 *seen;		/* the same word as the host sees it */
};

static const struct bpf_insn head[] = {
	MOV_X(6, 1),
	ST(BPF_W, 10, -4, 0),
	WORD(1, MAP),
	MOV_X(2, 10),
	ALU64_K(BPF_ADD, 2, -4),
	CALL(BPF_FUNC_map_lookup_elem),
	JMP_K(BPF_JNE, 0, 0, 1),
	EXIT,
	MOV_X(7, 0),
};

static u32 body_length(const struct bpf_insn *body)
{
	u32 n = FORGED_BODY;

	while (n && !body[n - 1].code)
		n--;
	return n;
}

static u32 build(struct bpf_insn *insn, struct trial *t)
{
	const struct bpf_insn tail[] = {
		WORD(9, END),
		JMP_K(BPF_JEQ, 9, VALUE, 10),
		JMP_K(BPF_JEQ, 9, BASE, 11),
		ALU64_K(BPF_SUB, 8, t->f->believed),
		WORD(1, DISTANCE),
		ALU64_X(BPF_MUL, 8, 1),
		ALU64_X(BPF_ADD, 7, 8),
		JMP_K(BPF_JEQ, 9, WRITE, 2),
		LDX(BPF_DW, 0, 7, 0),
		EXIT,
		ST(BPF_DW, 7, 0, OVERWRITTEN),
		EXIT,
		MOV_X(0, 8),
		EXIT,
		MOV_X(0, 7),
		EXIT,
	};
	u32 n = body_length(t->f->body), at = ARRAY_SIZE(head);

	memcpy(insn, head, sizeof(head));
	memcpy(insn + at, t->f->body, n * sizeof(*insn));
	memcpy(insn + at + n, tail, sizeof(tail));
	t->at_read = at + n + 8;
	t->at_write = at + n + 10;
	return at + n + ARRAY_SIZE(tail);
}

static int make_extra(struct trial *t)
{
	u64 handle;
	int err;

	switch (t->f->extra) {
	case FORGED_NOTHING:
		return 0;
	case FORGED_RING:
		return attack_map(t->obj, &t->extra, BPF_MAP_TYPE_RINGBUF, 0, 0, moat_heap.page, &t->given);
	case FORGED_CONSTANT:
		t->extra = (struct moat_map){ .obj = t->obj, .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8,
					      .max_entries = 1, .flags = BPF_F_RDONLY_PROG, .name = "constant" };
		err = moat_map_create(&t->extra);
		if (err)
			return err;
		pthread_mutex_lock(&t->obj->lock);
		handle = moat_domain_map(moat_object__next_program(t->obj, NULL)->domain, &t->extra);
		pthread_mutex_unlock(&t->obj->lock);
		t->given = t->extra.heap_off;
		return handle ? 0 : -ENOSPC;
	}
	return -EINVAL;
}

static bool prepare(const struct attack_variant *v, struct attack_result *r, struct trial *t)
{
	struct bpf_insn insn[FORGED_BODY + 32];
	u32 n = build(insn, t);

	t->obj = attack_load(v, r, insn, n);
	if (!t->obj)
		return false;
	if (!attack_map(t->obj, &t->map, BPF_MAP_TYPE_ARRAY, 4, 64, 1, &t->handle) && !make_extra(t))
		return true;
	attack_odd(r, "no map");
	return false;
}

static void *change_constant(void *arg)
{
	u64 one = 1;
	u32 key = 0;

	usleep(2000);
	moat_map__update_elem(arg, &key, 4, &one, 8, BPF_ANY);
	return NULL;
}

/* One run, while the host changes what the program was told is constant. */
static int run(struct trial *t, enum end end, u64 distance, struct moat_run_opts *opts)
{
	u64 data[ATTACK_SHARED / 8] = {
		[WORD_MAP] = t->handle, [WORD_IN] = t->f->in, [WORD_IN2] = t->f->in2,
		[WORD_DISTANCE] = distance, [WORD_END] = end, [WORD_EXTRA] = t->given,
	};
	pthread_t changer;
	int err;

	*opts = (struct moat_run_opts){ .fuel = 1ull << 40 };
	if (t->f->extra != FORGED_CONSTANT)
		return attack_run(t->obj, data, opts);
	*(u64 *)moat_host(t->extra.heap_off) = 0;
	err = -pthread_create(&changer, NULL, change_constant, &t->extra);
	if (err)
		return err;
	err = attack_run(t->obj, data, opts);
	pthread_join(changer, NULL);
	return err;
}

/* Reading and overwriting @to by way of the forged pointer. */
static void aim(struct attack_result *r, struct trial *t, u64 base, const struct target *to)
{
	u64 distance = to->address - base;
	struct moat_run_opts opts;
	enum end end;
	int err;

	if (t->f->real != t->f->believed)
		distance *= t->f->real - t->f->believed;	/* 1 or -1 */
	for (end = READ; end <= WRITE; end++) {
		u32 access = end == READ ? t->at_read : t->at_write;

		*to->seen = SECRET;
		err = run(t, end, distance, &opts);
		if (*to->seen != SECRET || (end == READ && !err && opts.retval == SECRET))
			attack_worked(r);
		else if (err == -EFAULT && opts.fault.insn != access)
			attack_odd(r, "the fault is at %u, the access at %u", opts.fault.insn, access);
		else
			attack_stopped(r, err, &opts.fault, BY_MEMORY);
		*to->seen = SECRET;
	}
}

void history_forge(const struct attack_variant *v, struct attack_result *r)
{
	static struct trial t;		/* it holds maps that the object names */
	struct attack_victim victim;
	struct moat_run_opts opts;
	struct target to[3];
	u64 base, cage;
	u32 i;
	int err;

	t.f = history_now->forged;
	if (attack_victim(v, &victim)) {
		attack_odd(r, "no victim");
		return;
	}
	if (!prepare(v, r, &t))
		return;
	to[0] = (struct target){ (u64)&attack_secret[256], &attack_secret[256] };
	to[1] = (struct target){ victim.map.heap_off, moat_host(victim.map.heap_off) };
	to[2] = (struct target){ victim.slot + MOAT_STACK_BYTES - 64, moat_host(victim.slot + MOAT_STACK_BYTES - 64) };

	/* The arithmetic gives what fooled the verifier, in every mode: else the rest would show nothing. */
	err = run(&t, VALUE, 0, &opts);
	if (err || (s64)opts.retval != t.f->real)
		attack_odd(r, "the arithmetic gave %#llx (%d)", (unsigned long long)opts.retval, err);
	err = run(&t, BASE, 0, &opts);
	base = opts.retval;
	if (err || !base)
		attack_odd(r, "no address to start from: %d", err);
	for (i = 0; i < ARRAY_SIZE(to); i++)
		aim(r, &t, base, &to[i]);
	/* As if the cage's base had leaked: where would it lead if it were added to all 64 bits? */
	cage = moat_object__next_program(t.obj, NULL)->domain->cage;
	for (i = 0; cage && i < ARRAY_SIZE(to); i++) {
		to[i].address = (u64)to[i].seen - cage;
		aim(r, &t, base, &to[i]);
	}
}

int history_run_with(const struct attack_variant *v, struct attack_result *r, const struct bpf_insn *insn, u32 nr,
		     struct moat_map *map, u64 *data, struct moat_run_opts *opts)
{
	struct moat_object *obj = attack_load(v, r, insn, nr);

	*opts = (struct moat_run_opts){ 0 };
	if (!obj)
		return -ENOEXEC;
	if (map && attack_map(obj, map, map->type, map->key_size, map->value_size, map->max_entries, &data[0])) {
		attack_odd(r, "no map");
		return -ENOEXEC;
	}
	return attack_run(obj, data, opts);
}

void history_expect(struct attack_result *r, bool good, const char *what)
{
	if (good)
		r->contained++;
	else
		attack_odd(r, "%s", what);
}
