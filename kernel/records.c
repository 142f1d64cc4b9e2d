// SPDX-License-Identifier: GPL-2.0-only
/*
 * Audit records of isolated programs: analysis, told about this kernel's
 * helpers, maps and contexts.
 *
 * What is proved here is proved by verifier-ext's own analysis, of the
 * instructions as they were loaded.  The kernel's verifier is not asked: what
 * it believes is what an attacker has led it to believe.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include "gate.h"

static const struct moat_helper *helper(void *arg, s32 id)
{
	const struct moat_proto *p = moat_proto_of(arg, id);

	return p ? &p->h : NULL;
}

static bool known(void *arg, s32 id)
{
	return moat_proto_of(arg, id);
}

static bool map(void *arg, u64 handle, struct moat_map_facts *out)
{
	const struct bpf_map *m = moat_map_at(arg, handle);

	if (!m)
		return false;
	*out = (struct moat_map_facts) {
		.key_size = m->key_size, .value_size = m->value_size, .type = m->map_type,
		.bytes = m->moat ? m->moat->bytes : 0, .outer = m->inner_map_meta,
		.rights = m->map_flags & BPF_F_RDONLY_PROG ? MOAT_READ : MOAT_READ | MOAT_WRITE,
	};
	return true;
}

static bool value_at(void *arg, u64 address, u16 *handle, u32 *off)
{
	const struct moat_domain *d = arg;
	u32 i;

	if (address > U32_MAX)
		return false;
	for (i = 0; i < d->nr_map; i++) {
		const struct bpf_moat_values *v = d->map[i]->moat;

		if (!v || address - v->start >= v->bytes)
			continue;
		*handle = 1 + i;
		*off = address - v->start;
		return true;
	}
	return false;
}

/* Analysis of a long program takes a while, and others want the CPU. */
static void visit(void *arg, u32 pc, const struct moat_state *s)
{
	if (!(pc & 255))
		cond_resched();
}

/* Where the context points to the packet. */
static struct moat_ctx_facts context(enum bpf_prog_type type)
{
	switch (type) {
	case BPF_PROG_TYPE_XDP:
		return (struct moat_ctx_facts) { .data = offsetof(struct xdp_md, data) };
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
	case BPF_PROG_TYPE_CGROUP_SKB:
	case BPF_PROG_TYPE_LWT_IN:
	case BPF_PROG_TYPE_LWT_OUT:
	case BPF_PROG_TYPE_LWT_XMIT:
	case BPF_PROG_TYPE_LWT_SEG6LOCAL:
		return (struct moat_ctx_facts) { .data = offsetof(struct __sk_buff, data) };
	default:
		return (struct moat_ctx_facts) { .data = -1 };
	}
}

/* A map that is known to be passed, and that the helper does not take: better said now than by a fault. */
static int check_maps(const struct moat_domain *d, struct bpf_verifier_env *env, const struct moat_proto *p,
		      const struct moat_call_facts *facts)
{
	const struct bpf_map *m;
	const char *why;
	u32 i;

	for (i = 0; facts && i < MOAT_MAX_ARGS; i++) {
		if (p->h.arg[i].kind != MOAT_ARG_MAP || !moat_value_is_const(&facts->arg[i]))
			continue;
		m = moat_map_at(d, facts->arg[i].r.bits.value);
		why = m ? moat_proto_misfit(p, m) : NULL;
		if (why)
			return moat_refuse(env, -EOPNOTSUPP, "insn %u: helper %s gets map '%s', %s", facts->pc, p->h.name,
					   m->name, why);
	}
	return 0;
}

static bool is_call(const struct moat_op *op)
{
	return op->kind == MOAT_HELPER || op->kind == MOAT_TAIL;
}

static bool has_calls(const struct moat_op *op, u32 len)
{
	u32 i;

	for (i = 0; i < len && !is_call(&op[i]); i++)
		;
	return i < len;
}

/* Records of every call, with what @a says of it, if it says anything. */
static int make(struct moat_domain *d, struct bpf_verifier_env *env, const struct moat_analysis_opts *o,
		const struct moat_analysis *a)
{
	struct moat_audit *audit = d->audit;
	u32 i, n = 0;
	int err = 0;

	for (i = 0; i < o->len; i++)
		n += is_call(&o->op[i]);
	audit->record = kvcalloc(n + 1, sizeof(*audit->record), GFP_KERNEL_ACCOUNT);
	if (!audit->record)
		return -ENOMEM;
	for (i = 0; !err && i < o->len; i++) {
		const struct moat_proto *p = is_call(&o->op[i]) ? moat_proto_of(d, o->op[i].imm) : NULL;
		const struct moat_call_facts *facts = p ? moat_call_facts(a, i) : NULL;

		if (!p)
			continue;
		moat_record(&audit->record[audit->nr_record++], i, &p->h, facts, o);
		err = check_maps(d, env, p, facts);
	}
	return err;
}

int moat_records_make(struct moat_domain *d, struct bpf_verifier_env *env, struct moat_op *op)
{
	struct moat_func *func = kvcalloc(MOAT_MAX_FUNCS, sizeof(*func), GFP_KERNEL);
	struct moat_analysis_opts o = { .op = op, .len = d->len, .func = func, .ctx = context(d->type), .helper = helper,
					.map = map, .value_at = value_at, .visit = visit, .arg = d };
	struct moat_known k = { .insn = d->insn, .helper = known, .arg = d };
	struct moat_analysis a = { };
	void *work = NULL;
	size_t bytes;
	int err = -ENOMEM;

	if (func)
		err = moat_validate(op, d->len, &k, func, &o.nr_func, &d->opt.log);
	if (!err) {
		bytes = has_calls(op, d->len) ? moat_analysis_bytes(&o) : 0;
		/* Without memory for it nothing is proved, nor if it would take too long. */
		work = bytes ? kvzalloc(bytes, GFP_KERNEL | __GFP_NOWARN) : NULL;
		if (work)
			moat_analyze(&a, &o, work);
		err = make(d, env, &o, &a);
	}
	kvfree(work);
	kvfree(func);
	return err;
}
