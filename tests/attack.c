/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The attacked host: its secrets, its helpers, its other programs. */
#include "attack.h"

#define PAGE	4096

u64 attack_secret[PAGE / 8] __attribute__((aligned(PAGE)));
u64 attack_canary[PAGE / 8] __attribute__((aligned(PAGE)));
u64 helper_calls, helper_dirt;
_Atomic u32 helper_pauses;
volatile u64 host_local_address;
volatile int pwned;

void attack_pwned(void)
{
	pwned++;
}

/* Reports ------------------------------------------------------------------- */

void attack_worked(struct attack_result *r)
{
	r->worked++;
}

void attack_odd(struct attack_result *r, const char *fmt, ...)
{
	va_list ap;

	if (r->odd++)
		return;
	va_start(ap, fmt);
	vsnprintf(r->odd_text, sizeof(r->odd_text), fmt, ap);
	va_end(ap);
}

static void note_place(struct attack_result *r, const struct moat_fault *f)
{
	u32 i;

	for (i = 0; i < r->nr_place; i++)
		if (r->place[i].kind == f->kind && r->place[i].insn == f->insn)
			return;
	if (i == ATTACK_PLACES)
		return;
	r->place[i].kind = f->kind;
	r->place[i].insn = f->insn;
	r->nr_place++;
}

void attack_stopped(struct attack_result *r, int err, const struct moat_fault *f, u32 kinds)
{
	char text[160];

	if (!err && !kinds) {
		r->contained++;
		return;
	}
	if (err != -EFAULT && err != -ETIME) {
		attack_odd(r, "try %u: the run returned %d", r->contained + r->worked, err);
		return;
	}
	r->kinds |= 1u << f->kind;
	note_place(r, f);
	if (kinds & 1u << f->kind)
		r->contained++;
	else
		attack_odd(r, "try %u: ended by %s", r->contained + r->worked, moat_fault__text(f, text, sizeof(text)));
}

/* Helpers --------------------------------------------------------------------- */

static u64 help_peek(u64 mem)
{
	helper_calls++;
	return mem ? *(const u64 *)mem : 0;
}

static u64 help_poke(u64 mem, u64 value)
{
	helper_calls++;
	*(u64 *)mem = value;
	return 0;
}

static u64 help_sum(u64 mem, u64 bytes)
{
	u64 sum = 0, i;

	helper_calls++;
	for (i = 0; i < bytes; i++)
		sum += ((const volatile u8 *)mem)[i];
	return sum;
}

static u64 help_fill(u64 mem, u64 bytes)
{
	u64 i;

	helper_calls++;
	for (i = 0; i < bytes; i++)
		((volatile u8 *)mem)[i] = 0xee;
	return 0;
}

static u64 help_leak(u64 which, u64 b, u64 c, u64 d, u64 e, struct moat_run *run)
{
	switch (which) {
	case LEAK_STACK:
		return (u64)__builtin_frame_address(0);
	case LEAK_FRAME:
		return (u64)run;
	case LEAK_LOCAL:
		return host_local_address;
	default:
		return (u64)attack_pwned;
	}
}

#if defined(__x86_64__)
/* Any compiled function may leave this behind; this one makes sure of it. */
__attribute__((naked)) static u64 help_dirty(void)
{
	asm("lea attack_secret(%rip), %rdi\n"
	    "mov %rdi, %rsi\n"
	    "mov %rdi, %rdx\n"
	    "mov %rdi, %rcx\n"
	    "mov %rdi, %r8\n"
	    "mov %rdi, %r9\n"
	    "mov %rdi, %r10\n"
	    "mov %rdi, %r11\n"
	    "xor %eax, %eax\n"
	    "ret");
}
#elif defined(__aarch64__)
/* Every register that a function may change, but the one with its result. */
u64 help_dirty(void);
asm(".text\n"
    "help_dirty:\n"
    "hint #34\n"	/* bti c */
    "adrp x1, attack_secret\n"
    "add x1, x1, :lo12:attack_secret\n"
    ".irp r, 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18\n"
    "mov x\\r, x1\n"
    ".endr\n"
    "mov x0, #0\n"
    "ret\n");
#endif

static u64 help_echo(u64 a, u64 b, u64 c, u64 d, u64 e)
{
	helper_dirt |= a | b | c | d | e;
	return 0;
}

/* Needs the host's rights: were it called with the program's, this would fault. */
static u64 help_count(void)
{
	helper_calls++;
	return attack_secret[0] == SECRET ? 77 : 0;
}

static u64 help_callback(u64 handle, u64 a, u64 b, u64 d, u64 e, struct moat_run *run)
{
	helper_calls++;
	return moat_callback(run, handle, a, b, 0, 0);
}

static u64 help_handle(u64 map)
{
	helper_calls++;
	return ((struct moat_map *)map)->value_size;
}

static u64 help_context(u64 context)
{
	return *(const u64 *)context;
}

static u64 help_pause(void)
{
	helper_pauses++;
	usleep(20000);
	return 0;
}

#define FN(f)	((__u64 (*)(void))(void (*)(void))(f))
#define ROW(number, f, ...)	{ .id = number, .name = "test_" #f, .fn = FN(help_##f), .arg = { __VA_ARGS__ } }

static const struct moat_helper helpers[] = {
	ROW(HELP_PEEK, peek, { MOAT_ARG_MEM, .bytes = 8 }),
	ROW(HELP_POKE, poke, { MOAT_ARG_MEM_OUT, .bytes = 8 }, { MOAT_ARG_SCALAR }),
	ROW(HELP_SUM, sum, { MOAT_ARG_MEM }, { MOAT_ARG_SIZE }),
	ROW(HELP_FILL, fill, { MOAT_ARG_MEM_OUT }, { MOAT_ARG_SIZE_OR_ZERO }),
	ROW(HELP_LEAK, leak, { MOAT_ARG_SCALAR }),
	ROW(HELP_DIRTY, dirty, { MOAT_ARG_NONE }),
	ROW(HELP_ECHO, echo, { MOAT_ARG_NONE }),
	ROW(HELP_COUNT, count, { MOAT_ARG_NONE }),
	ROW(HELP_CALLBACK, callback, { MOAT_ARG_CALLBACK }, { MOAT_ARG_SCALAR }, { MOAT_ARG_SCALAR }),
	ROW(HELP_HANDLE, handle, { MOAT_ARG_MAP }),
	ROW(HELP_CONTEXT, context, { MOAT_ARG_CTX }),
	ROW(HELP_PAUSE, pause, { MOAT_ARG_NONE }),
};

/* Programs ----------------------------------------------------------------------- */

bool attack_is_gated(const struct attack_variant *v)
{
	return v->mode == MOAT_MODE_PKU || v->mode == MOAT_MODE_PKU_BASEREG;
}

bool attack_is_based(const struct attack_variant *v)
{
	return v->mode == MOAT_MODE_BASEREG || v->mode == MOAT_MODE_PKU_BASEREG;
}

struct moat_object *attack_load_as(enum bpf_prog_type type, const struct attack_variant *v, struct attack_result *r,
				   const struct bpf_insn *insn, u32 nr)
{
	MOAT_OPEN_OPTS(opts, .name = "attack", .base_form = v->form, .helpers = helpers, .nr_helpers = ARRAY_SIZE(helpers));
	struct moat_object *obj;
	int err;

	opts.mode = v->mode;
	opts.unmetered = v->unmetered;
	obj = moat_object__open_insns(insn, nr, &opts);
	err = obj ? moat_program__set_type(moat_object__next_program(obj, NULL), type) : -errno;
	if (!err)
		err = moat_object__load(obj);
	if (!err)
		return obj;
	moat_object__close(obj);
	if (r)
		attack_odd(r, "the program does not load: %s", strerror(-err));
	return NULL;
}

struct moat_object *attack_load(const struct attack_variant *v, struct attack_result *r,
				const struct bpf_insn *insn, u32 nr)
{
	return attack_load_as(BPF_PROG_TYPE_UNSPEC, v, r, insn, nr);
}

int attack_run(struct moat_object *obj, u64 *data, struct moat_run_opts *opts)
{
	volatile u64 local = SECRET;
	int err;

	host_local_address = (u64)&local;
	opts->sz = sizeof(*opts);
	opts->data_in = opts->data_out = data;
	opts->data_size_in = opts->data_size_out = data ? ATTACK_SHARED : 0;
	if (!opts->fuel)
		opts->fuel = 50000000;
	err = moat_program__run_opts(moat_object__next_program(obj, NULL), opts);
	if (local != SECRET)
		pwned++;
	return err;
}

int attack_try(const struct attack_variant *v, struct attack_result *r, const struct bpf_insn *insn, u32 nr,
	       u64 *data, struct moat_run_opts *opts)
{
	struct moat_object *obj = attack_load(v, r, insn, nr);
	int err;

	*opts = (struct moat_run_opts){ 0 };
	if (!obj)
		return -ENOEXEC;
	err = attack_run(obj, data, opts);
	moat_object__close(obj);
	return err;
}

u32 attack_slot(struct moat_object *obj)
{
	struct moat_slot_mem *s = NULL;
	u32 off;

	if (!moat_thread_register())
		s = moat_slot_get(moat_object__next_program(obj, NULL)->domain, moat_self->cpu);
	if (!s)
		return 0;
	off = s->off;
	moat_slot_put(s);
	return off;
}

int attack_map(struct moat_object *obj, struct moat_map *map, u32 type, u32 key, u32 value, u32 entries, u64 *handle)
{
	int err;

	*map = (struct moat_map){ .obj = obj, .type = type, .key_size = key, .value_size = value,
				  .max_entries = entries, .rights = MOAT_READ | MOAT_WRITE, .name = "attacked" };
	err = moat_map_create(map);
	if (err)
		return err;
	pthread_mutex_lock(&obj->lock);
	*handle = moat_domain_map(moat_object__next_program(obj, NULL)->domain, map);
	pthread_mutex_unlock(&obj->lock);
	return *handle ? 0 : -ENOSPC;
}

int attack_victim(const struct attack_variant *v, struct attack_victim *victim)
{
	static const struct bpf_insn insn[] = { MOV_K(0, 0), EXIT };
	u64 secret = SECRET;
	u32 zero = 0;
	int err;

	victim->obj = attack_load(v, NULL, insn, ARRAY_SIZE(insn));
	if (!victim->obj)
		return -ENOEXEC;
	err = attack_map(victim->obj, &victim->map, BPF_MAP_TYPE_ARRAY, 4, 8, 1, &victim->handle);
	if (!err)
		err = moat_map__update_elem(&victim->map, &zero, 4, &secret, 8, BPF_ANY);
	victim->slot = attack_slot(victim->obj);
	if (err || !victim->slot)
		return err ?: -ENOMEM;
	for (secret = 0; secret < MOAT_SLOT_BYTES; secret += 8)
		*(u64 *)moat_host(victim->slot + (u32)secret) = SECRET;
	return 0;
}
