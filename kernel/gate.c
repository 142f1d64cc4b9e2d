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
	err = d->audit && op ? moat_decode_for(op, d->insn, d->len, &d->opt) : -ENOMEM;
	if (!err)
		err = plan_calls(d, env, op);
	if (!err)
		err = moat_records_make(d, env, op);
	if (!err)
		moat_callbacks_plan(d);
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
			n += moat_site_checks(&d->audit->record[i].arg[k]);
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
		moat_site_make(&d->gate[i], check, d, r);
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
