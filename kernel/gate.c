// SPDX-License-Identifier: GPL-2.0-only
/* Gates of isolated programs: what the core is told about calls, and a gate for each site, made from its record. */
#include <linux/mm.h>
#include <linux/slab.h>
#include "gate.h"
#include "view.h"

/* What the core asks -------------------------------------------------------- */

static bool known(void *arg, s32 id)
{
	return moat_proto_of(arg, id);
}

static u16 args(void *arg, s32 id)
{
	const struct moat_proto *p = moat_proto_of(arg, id);
	u16 regs = 0;
	u32 i;

	for (i = 0; i < MOAT_MAX_ARGS; i++)
		if (!p || p->h.arg[i].kind != MOAT_ARG_NONE)
			regs |= 1 << (BPF_REG_1 + i);
	return regs;
}

/* What the image can do itself: an array's value, which it may read anyway, and the number of the CPU. */
static void inlined(void *arg, s32 id, u64 r1, struct moat_inline *out)
{
	struct bpf_map *map = moat_map_at(arg, r1);
	struct bpf_array *array = container_of(map, struct bpf_array, map);

	if (id == BPF_FUNC_get_smp_processor_id)
		out->kind = MOAT_INLINE_CPU;
	if (id != BPF_FUNC_map_lookup_elem || !map || map->map_type != BPF_MAP_TYPE_ARRAY || !map->moat)
		return;
	*out = (struct moat_inline) { .kind = MOAT_INLINE_ARRAY, .base = (u32)(unsigned long)array->value,
				      .stride = array->elem_size, .entries = map->max_entries };
}

static bool has_packet_loads(enum bpf_prog_type type)
{
	return type == BPF_PROG_TYPE_SOCKET_FILTER || type == BPF_PROG_TYPE_SCHED_CLS || type == BPF_PROG_TYPE_SCHED_ACT;
}

/* Everything that leads out of the image must have a form that is audited. */
static int plan_calls(struct moat_domain *d, struct bpf_verifier_env *env, const struct moat_op *op)
{
	u32 i;
	int err = 0;

	for (i = 0; !err && i < d->len; i++) {
		if (op[i].kind == MOAT_HELPER || op[i].kind == MOAT_TAIL)
			err = moat_proto_make(d, env, i, op[i].imm);
		else if (op[i].kind == MOAT_PACKET && !has_packet_loads(d->type))
			err = moat_refuse(env, -EOPNOTSUPP, "insn %u: the context has no packet to load from", i);
	}
	return err;
}

int moat_gates_plan(struct moat_domain *d, struct bpf_verifier_env *env)
{
	struct moat_op *op;
	int err;

	d->audit = kzalloc(sizeof(*d->audit), GFP_KERNEL_ACCOUNT);
	op = kvcalloc(d->len, sizeof(*op), GFP_KERNEL);
	err = d->audit && op ? moat_decode(op, d->insn, d->len, &d->opt.log) : -ENOMEM;
	if (!err)
		err = plan_calls(d, env, op);
	if (!err)
		err = moat_records_make(d, env, op);
	kvfree(op);
	d->opt.entry_args = 1;
	d->opt.known = known;
	d->opt.args = args;
	d->opt.inlined = inlined;
	d->opt.call = (unsigned long)moat_gate_call;
	d->opt.tail = (unsigned long)moat_gate_tail;
	d->opt.packet = (unsigned long)moat_gate_packet;
	d->opt.packet_view = d->view->packet;
	d->opt.arg = d;
	return err;
}

/* Gates --------------------------------------------------------------------- */

static const struct moat_call_audit *record_at(const struct moat_audit *a, u32 pc)
{
	u32 lo = 0, hi = a->nr_record;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (a->record[mid].pc == pc)
			return &a->record[mid];
		if (a->record[mid].pc < pc)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/* Is there anything to look at in what the program passes? */
static bool is_checked(const struct moat_arg_audit *a)
{
	return a->kind > MOAT_AUDIT_DATA && !moat_audit_takes_all(a);
}

static void add_check(struct moat_site_gate *g, struct moat_check *c, const struct moat_domain *d,
		      const struct moat_call_audit *r, u32 i)
{
	const struct bpf_map *m;
	u32 k;

	*c = (struct moat_check) { .what = r->arg[i], .arg = i };
	if (c->what.region == MOAT_REGION_MAP) {
		m = moat_map_at(d, c->what.ref);
		c->ring = m && m->map_type == BPF_MAP_TYPE_RINGBUF ? m : NULL;
		c->start = m && m->moat ? m->moat->start : 0;
		c->length = m && m->moat ? m->moat->bytes : 0;
		if (m && c->what.rights & MOAT_WRITE && m->map_flags & BPF_F_RDONLY_PROG)
			c->start = c->length = 0;
	}
	for (k = 0; k < i; k++)
		if (g->proto->h.arg[k].kind == MOAT_ARG_MAP)
			c->map = k;
	g->nr_check++;
}

/* What the argument is made of, if it is not made by its check. */
static void make_source(struct moat_source *s, const struct moat_domain *d, const struct moat_arg_audit *a)
{
	switch (a->kind) {
	case MOAT_AUDIT_CONST:
		s->add = a->min;
		break;
	case MOAT_AUDIT_CONTEXT:
		s->ctx = ~0ull;
		break;
	case MOAT_AUDIT_MAP:
		s->add = (unsigned long)moat_map_at(d, a->ref);
		break;
	case MOAT_AUDIT_FRAME:
		s->add = a->min;
		s->top = ~0ull;
		break;
	case MOAT_AUDIT_DATA:
		s->add = (unsigned long)moat_host(moat_map_at(d, a->ref)->moat->start + a->min);
		break;
	case MOAT_AUDIT_NUMBER:
		s->reg = ~0ull;
		break;
	}
}

static void make_gate(struct moat_site_gate *g, struct moat_check *check, const struct moat_domain *d,
		      const struct moat_call_audit *r)
{
	u32 i;

	g->proto = moat_proto_of(d, r->helper);
	g->pc = r->pc;
	g->check = check;
	g->key = -1;
	g->copied = g->proto->copied | g->proto->text;
	g->refills = g->proto->context && !moat_view_only_read(r->helper);
	for (i = 0; i < MOAT_MAX_ARGS; i++) {
		make_source(&g->source[i], d, &r->arg[i]);
		if (g->proto->h.arg[i].kind != MOAT_ARG_NONE)
			g->nr_arg = i + 1;
		if (g->proto->h.arg[i].kind == MOAT_ARG_MAP_KEY)
			g->key = i;
		/* Sizes come with their memory, and before it. */
		if (moat_proto_sized(&g->proto->h, i) && is_checked(&r->arg[i + 1]))
			add_check(g, check + g->nr_check, d, r, i + 1);
		if (is_checked(&r->arg[i]) && !(i && moat_proto_sized(&g->proto->h, i - 1)))
			add_check(g, check + g->nr_check, d, r, i);
	}
}

static int make_callbacks(struct moat_domain *d)
{
	struct moat_audit *a = d->audit;
	u32 i;

	a->callback = kvcalloc(d->jit.nr_func + 1, sizeof(*a->callback), GFP_KERNEL_ACCOUNT);
	if (!a->callback)
		return -ENOMEM;
	for (i = 0; i < d->jit.nr_func; i++)
		if (d->jit.func[i].is_callback)
			a->callback[a->nr_callback++] = (struct moat_callback) {
				.start = d->jit.func[i].start, .entry = d->jit.func_entry[i],
			};
	return 0;
}

static u32 count_checks(const struct moat_domain *d)
{
	u32 i, k, n = 0;

	for (i = 0; i < d->audit->nr_record; i++)
		for (k = 0; k < MOAT_MAX_ARGS; k++)
			n += is_checked(&d->audit->record[i].arg[k]);
	return n;
}

int moat_gates_make(struct moat_domain *d)
{
	struct moat_audit *a = d->audit;
	const struct moat_call_audit *r;
	struct moat_check *check;
	u32 i;
	int err = make_callbacks(d);

	check = a->check = kvcalloc(count_checks(d) + 1, sizeof(*check), GFP_KERNEL_ACCOUNT);
	d->gate = kvcalloc(d->jit.nr_site + 1, sizeof(*d->gate), GFP_KERNEL_ACCOUNT);
	if (err || !check || !d->gate)
		return -ENOMEM;
	for (i = 0; i < d->jit.nr_site; i++) {
		if (d->jit.site[i].helper < 0)
			continue;
		r = record_at(a, d->jit.site[i].pc);
		/* Each call has its record, and one site: a gate without a prototype would let nothing through. */
		if (WARN_ON_ONCE(!r || r->helper != d->jit.site[i].helper))
			return -EFAULT;
		make_gate(&d->gate[i], check, d, r);
		check += d->gate[i].nr_check;
	}
	kvfree(a->record);
	a->record = NULL;
	a->nr_record = 0;
	return 0;
}

void moat_gates_free(struct moat_domain *d)
{
	struct moat_audit *a = d->audit;
	u32 i;

	kvfree(d->gate);
	d->gate = NULL;
	d->audit = NULL;
	if (!a)
		return;
	for (i = 0; i < ARRAY_SIZE(a->proto); i++)
		kfree(a->proto[i]);
	kvfree(a->record);
	kvfree(a->check);
	kvfree(a->callback);
	kfree(a);
}
