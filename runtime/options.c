/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the core is told about a program: its mode, the host's functions, which helpers it has. */
#include "internal.h"

static void log_line(void *arg, const char *text)
{
	const struct moat_program *prog = arg;

	moat_print(MOAT_WARN, "%s: %s: %s", prog->obj->name, prog->name, text);
}

/* What a call leads to.  Mode none calls the helper itself; every mode asks whether there is one. */
static int callee(void *arg, s32 id, struct moat_callee *out)
{
	const struct moat_program *prog = arg;
	const struct moat_helper *h = moat_helper_find(prog->obj, id, prog->type);

	if (!h)
		return -ENOENT;
	out->address = (uintptr_t)h->fn;
	out->ret_mem = h->ret == MOAT_RET_MEM;
	return 0;
}

static bool known(void *arg, s32 id)
{
	const struct moat_program *prog = arg;

	return moat_helper_find(prog->obj, id, prog->type);
}

static u16 args(void *arg, s32 id)
{
	const struct moat_program *prog = arg;
	const struct moat_helper *h = moat_helper_find(prog->obj, id, prog->type);
	u16 regs = 0;
	u32 i;

	for (i = 0; i < MOAT_MAX_ARGS; i++)
		if (!h || h->arg[i].kind != MOAT_ARG_NONE)
			regs |= 1 << (BPF_REG_1 + i);
	return regs;
}

/* The map that a lddw with value @r1 names in this program. */
static struct moat_map *named_map(const struct moat_program *prog, u64 r1)
{
	struct moat_map *m;

	if (prog->domain->mode != MOAT_MODE_NONE)
		return moat_domain_map_at(prog->domain, r1);
	for (m = prog->obj->maps; m; m = m->next)
		if ((uintptr_t)m == r1)
			return m;
	return NULL;
}

/* Array lookups and the CPU number need no call: see enum moat_inline_kind. */
static void inlined(void *arg, s32 id, u64 r1, struct moat_inline *out)
{
	const struct moat_program *prog = arg;
	struct moat_map *m;

	*out = (struct moat_inline){ .kind = MOAT_INLINE_NO };
	if (id == BPF_FUNC_get_smp_processor_id)
		out->kind = MOAT_INLINE_CPU;
	if (id != BPF_FUNC_map_lookup_elem || !r1)
		return;
	m = named_map(prog, r1);
	if (m && moat_array_values(m, out))
		out->kind = MOAT_INLINE_ARRAY;
}

static bool is_plain(const struct moat_program *prog)
{
	return prog->type == BPF_PROG_TYPE_UNSPEC;
}

struct moat_options moat_program_options(struct moat_program *prog)
{
	const struct moat_domain *d = prog->domain;

	return (struct moat_options) {
		.arch = moat_native(),
		.mode = d->mode,
		.form = prog->obj->form,
		.cpu = moat_cpu(),
		.entry_args = is_plain(prog) ? 2 : 1,
		.fuel = !prog->obj->unmetered,
		.blind = prog->obj->blind,
		.host_rights = d->host_pkru,
		.domain_rights = d->domain_pkru,
		.call = (uintptr_t)moat_call,
		.tail = (uintptr_t)moat_tail,
		.packet = (uintptr_t)moat_packet, .packet_view = true,
		.known = known,
		.args = args,
		.callee = callee,
		.inlined = inlined,
		.check = moat_verify_wanted(prog->obj) ? moat_verify_image : NULL,
		.arg = prog,
		.log = { log_line, prog },
	};
}
