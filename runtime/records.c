/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Audit records of linked programs: analysis, told about this host's helpers, maps and contexts. */
#include <sys/mman.h>

#include "gate.h"
#include "views.h"

#define HUGE_PAGE	(2ul << 20)

/* Tables of long programs are used once, from end to end: most of their cost is faults on small pages. */
static void *table(size_t bytes)
{
	void *p;

	if (bytes < 2 * HUGE_PAGE)
		return malloc(bytes);
	p = aligned_alloc(HUGE_PAGE, (bytes + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));
	if (p)
		madvise(p, bytes, MADV_HUGEPAGE);
	return p;
}

static const struct moat_helper *helper(void *arg, s32 id)
{
	const struct moat_program *prog = arg;

	return moat_helper_find(prog->obj, id, prog->type);
}

static bool known(void *arg, s32 id)
{
	return helper(arg, id);
}

static bool map(void *arg, u64 handle, struct moat_map_facts *out)
{
	const struct moat_program *prog = arg;
	const struct moat_map *m = moat_domain_map_at(prog->domain, handle);

	if (!m)
		return false;
	*out = (struct moat_map_facts) {
		.key_size = m->key_size, .value_size = m->value_size, .bytes = m->heap_bytes,
		.type = m->type, .rights = m->rights, .outer = m->inner,
	};
	return true;
}

static bool value_at(void *arg, u64 address, u16 *handle, u32 *off)
{
	const struct moat_domain *d = ((const struct moat_program *)arg)->domain;
	u32 i, nr = d->nr_map;

	if (address < moat_heap.page || address > UINT32_MAX)
		return false;
	for (i = 0; i < nr; i++) {
		const struct moat_map *m = atomic_load(&d->map[i]);

		if (!m || address - m->heap_off >= m->heap_bytes)
			continue;
		*handle = moat_domain_handle(d, m);
		*off = address - m->heap_off;
		return true;
	}
	return false;
}

/* Where the context points to the packet. */
static struct moat_ctx_facts context(enum bpf_prog_type type)
{
	switch (moat_view_of(type)) {
	case MOAT_VIEW_PLAIN:
		return (struct moat_ctx_facts) { .packet = true, .data = -1 };
	case MOAT_VIEW_XDP:
		return (struct moat_ctx_facts) { .data = offsetof(struct xdp_md, data) };
	case MOAT_VIEW_SKB:
		if (type == BPF_PROG_TYPE_SCHED_CLS || type == BPF_PROG_TYPE_SCHED_ACT)
			return (struct moat_ctx_facts) { .data = offsetof(struct __sk_buff, data) };
	}
	return (struct moat_ctx_facts) { .data = -1 };
}

/* Records of every call, with what @a says of it, if it says anything. */
static int make(const struct moat_analysis_opts *o, const struct moat_analysis *a, struct moat_call_audit **out, u32 *nr)
{
	struct moat_call_audit *r;
	u32 i, n = 0;

	for (i = 0; i < o->len; i++)
		n += o->op[i].kind == MOAT_HELPER || o->op[i].kind == MOAT_TAIL;
	r = calloc(n + 1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	for (i = 0, n = 0; i < o->len; i++)
		if (o->op[i].kind == MOAT_HELPER || o->op[i].kind == MOAT_TAIL)
			moat_record(&r[n++], i, o->helper(o->arg, o->op[i].imm), moat_call_facts(a, i), o);
	*out = r;
	*nr = n;
	return 0;
}

static int analyze(const struct moat_analysis_opts *o, struct moat_call_audit **out, u32 *nr)
{
	struct moat_analysis a = { 0 };
	size_t bytes = moat_analysis_bytes(o);
	void *work = bytes ? table(bytes) : NULL;
	int err;

	/* Without memory for it nothing is proved. */
	if (work && !moat_analyze(&a, o, work))
		moat_print(MOAT_DEBUG, "analysis of a program of %u instructions was given up", o->len);
	err = make(o, &a, out, nr);
	free(work);
	return err;
}

int moat_program_records(const struct moat_program *prog, struct moat_call_audit **out, u32 *nr)
{
	struct moat_op *op = table(prog->len * sizeof(*op));
	struct moat_func *func = calloc(MOAT_MAX_FUNCS, sizeof(*func));
	struct moat_analysis_opts o = { .op = op, .len = prog->len, .func = func, .ctx = context(prog->type),
					.helper = helper, .map = map, .value_at = value_at, .arg = (void *)prog };
	struct moat_known k = { .helper = known, .arg = (void *)prog };
	struct moat_log log = { 0 };
	int err = op && func ? 0 : -ENOMEM;

	if (!err)
		err = moat_decode(op, prog->insn, prog->len, &log);
	if (!err)
		err = moat_validate(op, prog->len, &k, func, &o.nr_func, &log);
	if (!err)
		err = analyze(&o, out, nr);
	free(op);
	free(func);
	return err;
}

int moat_program__audit(const struct moat_program *prog, struct moat_call_audit **calls, __u32 *nr)
{
	const struct moat_image *img = prog->image;
	u32 i, site = 0;
	int err;

	if (!prog->domain || !prog->insn)
		return -ENOENT;
	if (prog->domain->mode == MOAT_MODE_NONE)
		return -EOPNOTSUPP;
	err = moat_program_records(prog, calls, nr);
	/* Calls and sites both come in the order of the program. */
	for (i = 0; !err && img && i < *nr; i++) {
		while (site < img->nr_site && img->site[site].pc < (*calls)[i].pc)
			site++;
		(*calls)[i].inlined = site == img->nr_site || img->site[site].pc != (*calls)[i].pc;
	}
	return err;
}

const struct moat_helper *moat_program__helper(const struct moat_program *prog, __s32 id)
{
	return moat_helper_find(prog->obj, id, prog->type);
}

const struct moat_call_audit *moat_record_at(const struct moat_call_audit *record, u32 nr, u32 pc)
{
	u32 lo = 0, hi = nr;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (record[mid].pc == pc)
			return &record[mid];
		if (record[mid].pc < pc)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}
