/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The check of gates: that each does what its record says, at the call that it is for. */
#include "verify_gates.h"
#include "views.h"

/* Arguments ---------------------------------------------------------------- */

static bool same_audit(const struct moat_arg_audit *a, const struct moat_arg_audit *b)
{
	return a->kind == b->kind && a->region == b->region && a->size == b->size && a->rights == b->rights &&
	       a->nullable == b->nullable && a->ref == b->ref && a->bytes == b->bytes && a->min == b->min &&
	       a->span == b->span && a->value == b->value && a->mask == b->mask;
}

/* A check of a map's memory goes by numbers of its own: where the values lie. */
static bool region_as_recorded(struct moat_gate_proof *p, u32 i, const struct moat_check *c)
{
	const struct moat_map *m = moat_gate_map(p, c->what.ref);
	bool may = m && (m->rights & c->what.rights) == c->what.rights;

	if (c->what.region == MOAT_REGION_MAP && (c->start != (m ? m->heap_off : 0) ||
						  c->length != (m ? m->heap_bytes : 0) || c->denied == may))
		return moat_gate_refuse(p, i, "the check is not of that map's values, or not with its rights");
	return true;
}

static bool checked_as_recorded(struct moat_gate_proof *p, u32 i, s32 k, bool checked)
{
	const struct moat_arg_audit *a = &p->r->arg[i];
	const struct moat_bounds *b = &p->g->bounds[i];
	bool compared = checked && a->kind == MOAT_AUDIT_NUMBER;

	if (checked != (k >= 0))
		return moat_gate_refuse(p, i, checked ? "what the record demands is not checked" :
					"a check that the record does not demand");
	if (checked && !same_audit(&p->g->check[k].what, a))
		return moat_gate_refuse(p, i, "it is checked for something else than the record demands");
	if (b->min != (compared ? a->min : 0) || b->span != (compared ? a->span : ~0ull) ||
	    b->value != (compared ? a->value : 0) || b->mask != (compared ? a->mask : 0))
		return moat_gate_refuse(p, i, "it is compared with other bounds than the record has");
	return !checked || region_as_recorded(p, i, &p->g->check[k]);
}

/* The gate makes the argument of just this, and checks it or not. */
static bool formed(struct moat_gate_proof *p, u32 i, struct moat_source s, bool checked)
{
	const struct moat_source *have = &p->g->source[i];

	if (have->reg != s.reg)
		return moat_gate_refuse(p, i, s.reg ? "the program's number does not get through" :
					"the program's register gets through");
	if (have->add != s.add || have->top != s.top)
		return moat_gate_refuse(p, i, "another value is supplied than the record says");
	return checked_as_recorded(p, i, moat_gate_check_of(p->g, i), checked);
}

static bool argument_as_recorded(struct moat_gate_proof *p, u32 i)
{
	const struct moat_arg_audit *a = &p->r->arg[i];
	const struct moat_map *m = moat_gate_map(p, a->ref);
	struct moat_source s = { 0 };
	bool checked = false;

	switch ((enum moat_audit_kind)a->kind) {
	case MOAT_AUDIT_NONE:
		break;
	case MOAT_AUDIT_CONST:
		s.add = a->min;
		break;
	case MOAT_AUDIT_CONTEXT:
		checked = moat_view_of(p->prog->type) == MOAT_VIEW_PLAIN;
		s.top = checked ? 0 : ~0ull;
		break;
	case MOAT_AUDIT_MAP:
	case MOAT_AUDIT_DATA:
		if (!m)
			return moat_gate_refuse(p, i, "a map that is none of this program's");
		s.add = a->kind == MOAT_AUDIT_MAP ? (uintptr_t)m : (uintptr_t)moat_host(m->heap_off) + a->min;
		break;
	case MOAT_AUDIT_FRAME:
		s = (struct moat_source) { .add = a->min, .top = ~0ull };
		break;
	case MOAT_AUDIT_NUMBER:
		s.reg = ~0ull;
		checked = a->span != ~0ull || a->mask || a->value;
		break;
	default:
		checked = true;
	}
	return formed(p, i, s, checked);
}

/* The call as a whole ------------------------------------------------------ */

/* Each check is of an argument that there is, and of one that no other check is of. */
static bool checks_are_distinct(const struct moat_call_gate *g)
{
	u32 k;

	for (k = 0; k < g->nr_check; k++)
		if (k == MOAT_MAX_ARGS || g->check[k].arg >= MOAT_MAX_ARGS || g->check[k].map >= MOAT_MAX_ARGS ||
		    moat_gate_check_of(g, g->check[k].arg) != (s32)k)
			return false;
	return true;
}

/* Memory that is supplied is paid for: what is known, and by arguments, as bits, what the program says. */
static u64 price_of(const struct moat_gate_proof *p, u32 *sized)
{
	const struct moat_arg_audit *a = p->r->arg;
	u64 bytes = 0;
	u32 i;

	for (*sized = 0, i = 0; i < MOAT_MAX_ARGS; i++) {
		if (a[i].kind != MOAT_AUDIT_FRAME && a[i].kind != MOAT_AUDIT_DATA)
			continue;
		if (!moat_gate_is_memory(p->h, i) || !moat_gate_is_size(p->h, i + 1))
			bytes += a[i].bytes;
		else if (a[i + 1].kind == MOAT_AUDIT_CONST)
			bytes += a[i + 1].min;
		else
			*sized |= 1u << (i + 1);
	}
	return bytes;
}

static bool is_paid(const struct moat_gate_proof *p)
{
	const struct moat_call_gate *g = p->g;
	u32 want, have = 0, i;

	if (g->bytes != price_of(p, &want) || g->nr_sized > ARRAY_SIZE(g->sized))
		return false;
	for (i = 0; i < g->nr_sized; i++) {
		if (g->sized[i] >= MOAT_MAX_ARGS)
			return false;
		have |= 1u << g->sized[i];
	}
	return have == want && g->nr_sized == (u32)__builtin_popcount(want);
}

/* Does the gate's way do all that there is to do? */
static bool works_enough(const struct moat_call_gate *g)
{
	bool plain = g->ret != MOAT_RET_MEM && g->ret != MOAT_RET_OBJECT && !g->nr_sized && !moat_gate_price(g->bytes);
	enum moat_gate_work least = MOAT_WORK_ALL;
	u32 k;

	for (k = 0; k < g->nr_check; k++)
		plain &= g->check[k].what.kind == MOAT_AUDIT_NUMBER;
	if (plain)
		least = !g->nr_check ? MOAT_WORK_FORM : g->nr_check == 1 ? MOAT_WORK_COMPARE_ONE : MOAT_WORK_COMPARE;
	if (g->work == MOAT_WORK_COMPARE_ONE && (g->number >= MOAT_MAX_ARGS || (g->nr_check && g->number != g->check[0].arg)))
		return false;
	return g->work >= least && g->work <= MOAT_WORK_ALL;
}

static bool gate_is_right(struct moat_gate_proof *p)
{
	const struct moat_call_gate *g = p->g;
	u32 i;

	if (!p->h || g->helper != p->h || g->fn != (moat_helper_fn *)(void (*)(void))p->h->fn || g->ret != p->h->ret)
		return moat_gate_refuse(p, -1, "the gate is another helper's");
	if (g->pc != p->text->pc)
		return moat_gate_refuse(p, -1, "the gate is another call's");
	if (!checks_are_distinct(g))
		return moat_gate_refuse(p, -1, "two checks of one argument, or one of no argument");
	for (i = 0; i < MOAT_MAX_ARGS; i++)
		if (!argument_as_recorded(p, i) || !moat_gate_enough(p, i) || !moat_gate_as_told(p, i))
			return false;
	if (!is_paid(p))
		return moat_gate_refuse(p, -1, "memory that is supplied is not paid for");
	if (!works_enough(g))
		return moat_gate_refuse(p, -1, "the gate does less than there is to do");
	p->verdict->accepted++;
	return true;
}

/* Sites -------------------------------------------------------------------- */

/* A call that the image does itself: of these there are two, and they touch what the program may touch. */
static bool is_inlined(struct moat_gate_proof *p, s32 id)
{
	const struct moat_text_value *r1 = &p->text->reg[BPF_REG_1];
	const struct moat_map *m = r1->told == MOAT_TOLD_NUMBER ? moat_gate_map(p, r1->n) : NULL;

	if (id == BPF_FUNC_get_smp_processor_id)
		return true;
	if (id == BPF_FUNC_map_lookup_elem && m &&
	    (m->type == BPF_MAP_TYPE_ARRAY || m->type == BPF_MAP_TYPE_PERCPU_ARRAY))
		return true;
	return moat_gate_refuse(p, -1, "a call that has no site");
}

static bool is_packet_load(const struct bpf_insn *insn)
{
	return BPF_CLASS(insn->code) == BPF_LD && (BPF_MODE(insn->code) == BPF_ABS || BPF_MODE(insn->code) == BPF_IND);
}

/* The instruction at hand, if it calls the host: *@site and *@record count what belongs to those in front. */
static bool call_is_right(struct moat_gate_proof *p, u32 *site, u32 *record)
{
	static const struct moat_call_gate none;
	const struct moat_image *img = p->img;
	const struct bpf_insn *insn = &p->text->insn[p->text->pc];
	bool here = *site < img->nr_site && img->site[*site].pc == p->text->pc, packet = is_packet_load(insn);
	s32 id = packet ? -1 : insn->imm;

	if (!packet && (insn->code != (BPF_JMP | BPF_CALL) || insn->src_reg))
		return !here || moat_gate_refuse(p, -1, "the site of an instruction that is no call");
	if (here && img->site[*site].helper != id)
		return moat_gate_refuse(p, -1, "the site is another helper's");
	p->g = here ? &img->gate[(*site)++] : NULL;
	if (packet && !here)
		return moat_gate_refuse(p, -1, "a packet load that has no site");
	if (packet)
		return !memcmp(p->g, &none, sizeof(none)) || moat_gate_refuse(p, -1, "a gate where none belongs");
	p->h = moat_helper_find(p->prog->obj, id, p->prog->type);
	p->r = *record < img->nr_record ? &img->record[(*record)++] : NULL;
	if (img->nr_site && (!p->r || p->r->pc != p->text->pc || p->r->helper != id))
		return moat_gate_refuse(p, -1, "the record is another call's");
	return here ? gate_is_right(p) : is_inlined(p, id);
}

int moat_gates_check(const struct moat_image *img, struct moat_gate_verdict *v)
{
	const struct moat_program *prog = img->prog;
	struct moat_text_walk text;
	struct moat_gate_proof p = { .prog = prog, .img = img, .text = &text, .verdict = v };
	u32 site = 0, record = 0;

	*v = (struct moat_gate_verdict) { 0 };
	if (moat_text_start(&text, prog->insn, prog->len))
		return -ENOMEM;
	while (call_is_right(&p, &site, &record) && moat_text_next(&text))
		;
	if (!v->why && site != img->nr_site)
		moat_gate_refuse(&p, -1, "there are more sites than calls, or they are not in order");
	free(text.entered);
	return v->why ? -EPERM : 0;
}

int moat_verify_gates(struct moat_image *img)
{
	const struct moat_program *prog = img->prog;
	struct moat_gate_verdict v;
	int err = moat_gates_check(img, &v);
	char argument[24] = "";

	img->nr_checked = v.accepted;
	if (err != -EPERM)
		return err;
	if (v.arg)
		snprintf(argument, sizeof(argument), ", argument %u", v.arg);
	moat_print(MOAT_WARN, "%s: %s: internal error: the check of gates refuses the call at insn %u%s: %s",
		   prog->obj->name, prog->name, v.insn, argument, v.why);
	return err;
}
