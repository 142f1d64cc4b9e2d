/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Good gates and records, broken: the check of gates refuses every mutant that
 * weakens an audit.
 *
 * Every bit of every field of every gate is flipped, and every field set to
 * what others hold; so are the records, from which gates are then made as if
 * nothing were wrong.  What is accepted is called with random registers: if it
 * gives a helper anything that the bare prototype would not, the check of gates has failed.
 */
#include <stdlib.h>

#include "gate_world.h"

#define TRIES	240

static u32 nr_mutant, nr_refused, nr_harmless;
static u32 nr_looked, nr_weak;	/* of those refused: what the second opinion looked at, and what it found weak */
static u32 nr_sample, every;	/* only so many are tried */
static struct { const char *how; u32 nr; } harmless[40];

static const char *second_opinion(struct gated *w, u32 site)
{
	struct moat_call_gate g = w->img.gate[site];
	u32 i;

	for (i = 0; i < MOAT_MAX_ARGS; i++)	/* no texts are made of what may make no sense */
		g.check[i].proved = false;
	return gate_weakness(w, site, &g, TRIES);
}

static void count_harmless(const char *how)
{
	u32 i;

	for (i = 0; i + 1 < ARRAY_SIZE(harmless) && harmless[i].how && strcmp(harmless[i].how, how); i++)
		;
	harmless[i].how = how;
	harmless[i].nr++;
	nr_harmless++;
}

/* What happens to the mutant that is in place: the gate of call @site of @w. */
static bool mutant(struct gated *w, u32 site, const char *how)
{
	struct moat_gate_verdict v;
	const char *weak;

	nr_mutant++;
	if (moat_gates_check(&w->img, &v) == -EPERM) {
		nr_refused++;
		CHECK(v.why && v.insn < w->len && v.arg <= MOAT_MAX_ARGS, "%s: refused without a reason", how);
		if (nr_refused % 16 == 0) {
			nr_looked++;
			nr_weak += second_opinion(w, site) != NULL;
		}
		return true;
	}
	weak = second_opinion(w, site);
	CHECK(!weak, "%s, call at %u of %s: %s: accepted, but %s", w->name, w->img.gate[site].pc,
	      w->img.gate[site].helper->name, how, weak);
	count_harmless(how);
	return false;
}

/* Fields ------------------------------------------------------------------- */

struct field {
	const char *name;
	u16 at;
	u8 bytes;
};

#define FIELD(type, f)	{ #f, offsetof(type, f), sizeof(((type *)0)->f) }
#define G(f)		FIELD(struct moat_call_gate, f)
#define A(f)		FIELD(struct moat_arg_audit, f)
#define C(f)		FIELD(struct moat_check, f)

static const struct field of_gate[] = { G(work), G(number), G(fn), G(ret), G(nr_check), G(nr_sized), G(sized[0]),
					G(sized[1]), G(bytes), G(pc), G(helper) };
static const struct field of_source[] = { FIELD(struct moat_source, add), FIELD(struct moat_source, reg),
					  FIELD(struct moat_source, top) };
static const struct field of_bounds[] = { FIELD(struct moat_bounds, min), FIELD(struct moat_bounds, span),
					  FIELD(struct moat_bounds, value), FIELD(struct moat_bounds, mask) };
static const struct field of_check[] = { C(start), C(length), C(denied), C(arg), C(map) };
static const struct field of_audit[] = { A(kind), A(region), A(size), A(rights), A(nullable), A(ref), A(bytes), A(min),
					 A(span), A(value), A(mask) };

/* Called for each change of one field; puts it back. */
typedef void changed_fn(struct gated *w, u32 site, const char *how);

static void gate_changed(struct gated *w, u32 site, const char *how)
{
	mutant(w, site, how);
}

/* The gate is made of the changed record, by the maker that is not broken. */
static void record_changed(struct gated *w, u32 site, const char *how)
{
	struct moat_call_gate was = w->img.gate[site];
	const struct moat_arg_audit *a = w->img.record[site].arg;
	u32 i;

	for (i = 0; i < MOAT_MAX_ARGS; i++)	/* the maker trusts that maps are there */
		if ((a[i].kind == MOAT_AUDIT_DATA || a[i].kind == MOAT_AUDIT_MAP) &&
		    !moat_domain_map_at(domain, a[i].ref))
			return;
	moat_gate_make(&w->img.gate[site], &w->prog, was.helper, &w->img.record[site]);
	if (memcmp(&w->img.gate[site], &was, offsetof(struct moat_call_gate, proved)))	/* else it says nothing else */
		mutant(w, site, how);
	moat_gate_free(&w->img.gate[site]);
	w->img.gate[site] = was;
}

static void change(struct gated *w, u32 site, const struct field *f, u8 *base, const u8 *other, changed_fn *changed)
{
	u8 *at = base + f->at, was[8];
	u32 bit, i;

	memcpy(was, at, f->bytes);
	for (bit = 0; bit < 8u * f->bytes; bit++) {
		if ((nr_sample++ % every))
			continue;
		if (f->bytes == 1 && (was[0] ^ 1 << bit) > 1 && f == &of_check[2])
			continue;	/* a bool */
		at[bit / 8] ^= 1 << bit % 8;
		changed(w, site, f->name);
		memcpy(at, was, f->bytes);
	}
	for (i = 0; i < 3; i++) {
		if (i < 2)
			memset(at, i ? 0xff : 0, f->bytes);
		else
			memcpy(at, other + f->at, f->bytes);
		if (memcmp(at, was, f->bytes) && f != &of_check[2] && !(nr_sample++ % every))
			changed(w, site, f->name);
		memcpy(at, was, f->bytes);
	}
}

#define CHANGE_ALL(fields, base, other, fn) do {						\
	u32 f_;											\
												\
	for (f_ = 0; f_ < ARRAY_SIZE(fields); f_++)						\
		change(w, site, &fields[f_], (u8 *)(base), (const u8 *)(other), fn);		\
} while (0)

static void change_gate(struct gated *w, u32 site)
{
	struct moat_call_gate *g = &w->img.gate[site], *other = &w->img.gate[(site + 1) % w->img.nr_site];
	u32 i;

	CHANGE_ALL(of_gate, g, other, gate_changed);
	for (i = 0; i < MOAT_MAX_ARGS; i++) {
		CHANGE_ALL(of_source, &g->source[i], &g->source[(i + 1) % MOAT_MAX_ARGS], gate_changed);
		CHANGE_ALL(of_bounds, &g->bounds[i], &other->bounds[i], gate_changed);
	}
	for (i = 0; i < g->nr_check; i++) {
		CHANGE_ALL(of_check, &g->check[i], &other->check[i], gate_changed);
		CHANGE_ALL(of_audit, &g->check[i].what, &other->check[i].what, gate_changed);
	}
}

static void change_record(struct gated *w, u32 site)
{
	struct moat_call_audit *r = &w->img.record[site], *other = &w->img.record[(site + 1) % w->img.nr_record];
	u32 i, k;

	for (i = 0; i < MOAT_MAX_ARGS; i++) {
		CHANGE_ALL(of_audit, &r->arg[i], &r->arg[(i + 1) % MOAT_MAX_ARGS], record_changed);
		CHANGE_ALL(of_audit, &r->arg[i], &other->arg[i], record_changed);
		for (k = 0; k < MOAT_MAX_ARGS; k++) {	/* what belongs to another argument, as a whole */
			struct moat_arg_audit was = r->arg[i];

			r->arg[i] = k == i ? (struct moat_arg_audit) { .kind = MOAT_AUDIT_NONE } : r->arg[k];
			record_changed(w, site, "another argument's audit");
			r->arg[i] = was;
		}
	}
}

/* Named damage ------------------------------------------------------------- */

static void drop_check(struct moat_call_gate *g, u32 i)
{
	s32 k = moat_gate_check_of(g, i);

	if (k >= 0) {
		memmove(&g->check[k], &g->check[k + 1], (MOAT_MAX_ARGS - k - 1) * sizeof(g->check[0]));
		g->nr_check--;
	}
}

static void drop_compare(struct moat_call_gate *g, u32 i)
{
	drop_check(g, i);
	g->bounds[i] = (struct moat_bounds) { .span = ~0ull };
	g->work = g->nr_check ? g->work : MOAT_WORK_FORM;
}

static void widen(struct moat_call_gate *g, u32 i)
{
	s32 k = moat_gate_check_of(g, i);

	if (k < 0)
		return;
	g->check[k].what.span += 8;
	if (g->check[k].what.kind == MOAT_AUDIT_NUMBER)
		g->bounds[i].span += 8;
}

static void any_region(struct moat_call_gate *g, u32 i)
{
	s32 k = moat_gate_check_of(g, i);

	if (k >= 0)
		g->check[k].what.region = MOAT_REGION_ANY;
}

static void only_read(struct moat_call_gate *g, u32 i)
{
	s32 k = moat_gate_check_of(g, i);

	if (k >= 0 && g->check[k].what.kind == MOAT_AUDIT_MEMORY)
		g->check[k].what.rights = MOAT_READ;
}

static void as_number(struct moat_call_gate *g, u32 i)
{
	s32 k = moat_gate_check_of(g, i);

	if (k >= 0)
		g->check[k].what = (struct moat_arg_audit) { .kind = MOAT_AUDIT_NUMBER, .span = ~0ull };
}

static void let_through(struct moat_call_gate *g, u32 i)
{
	drop_check(g, i);
	g->source[i] = (struct moat_source) { .reg = ~0ull };
}

static void swap_sources(struct moat_call_gate *g, u32 i)
{
	struct moat_source s = g->source[i];

	g->source[i] = g->source[(i + 1) % MOAT_MAX_ARGS];
	g->source[(i + 1) % MOAT_MAX_ARGS] = s;
}

static void swap_checks(struct moat_call_gate *g, u32 i)
{
	struct moat_check c = g->check[i];

	if (i + 1 >= g->nr_check)
		return;
	g->check[i] = g->check[i + 1];
	g->check[i + 1] = c;
}

static void for_free(struct moat_call_gate *g, u32 i)
{
	if (!i)
		g->bytes = g->nr_sized = 0;
}

static void not_released(struct moat_call_gate *g, u32 i)
{
	static struct moat_helper like;

	if (!g->helper->arg[i].released)
		return;
	like = *g->helper;
	like.arg[i].released = 0;
	g->helper = &like;
}

static void any_map_type(struct moat_call_gate *g, u32 i)
{
	static struct moat_helper like;

	if (i || !g->helper->map_types)
		return;
	like = *g->helper;
	like.map_types = 0;
	g->helper = &like;
}

static void twice(struct moat_call_gate *g, u32 i)
{
	if (i < g->nr_check && g->nr_check < MOAT_MAX_ARGS)
		g->check[g->nr_check++] = g->check[i];
}

static const struct {
	const char *name;
	void (*damage)(struct moat_call_gate *g, u32 i);
	bool may_pass;		/* where it changes nothing that matters */
} damages[] = {
	{ "a check dropped", drop_check }, { "a compare dropped", drop_compare }, { "a range widened", widen },
	{ "any region", any_region }, { "memory only to be read", only_read }, { "a pointer as a number", as_number },
	{ "the register let through", let_through }, { "sources exchanged", swap_sources },
	{ "checks exchanged", swap_checks, true }, { "memory for free", for_free },
	{ "an object not released", not_released }, { "maps of any type", any_map_type }, { "checked twice", twice },
};

static void do_damage(u32 d)
{
	u32 refused = 0, tried = 0, n, site, i;

	for (n = 0; n < nr_gated; n++)
		for (site = 0; site < gated[n].img.nr_site; site++)
			for (i = 0; i < MOAT_MAX_ARGS; i++) {
				struct moat_call_gate *g = &gated[n].img.gate[site], was = *g;

				damages[d].damage(g, i);
				if (memcmp(g, &was, sizeof(was))) {
					tried++;
					refused += mutant(&gated[n], site, damages[d].name);
				}
				*g = was;
			}
	printf("  %-26s %4u of %4u refused\n", damages[d].name, refused, tried);
	CHECK(tried && refused && (damages[d].may_pass || refused == tried), "%s: %u of %u accepted", damages[d].name,
	      tried - refused, tried);
}

/* What belongs to a call in place of what belongs to the next. */
static void exchange_calls(struct gated *w)
{
	struct moat_image *img = &w->img;
	u32 i;

	for (i = 0; i + 1 < img->nr_site; i++) {
		struct moat_call_gate g[2] = { img->gate[i], img->gate[i + 1] };
		struct moat_site s[2] = { img->site[i], img->site[i + 1] };
		struct moat_call_audit r[2] = { img->record[i], img->record[i + 1] };

		img->gate[i] = g[1], img->gate[i + 1] = g[0];
		CHECK(mutant(w, i, "gates exchanged"), "%s, %u: gates exchanged: accepted", w->name, i);
		img->site[i] = s[1], img->site[i + 1] = s[0];
		CHECK(mutant(w, i, "sites exchanged"), "%s, %u: sites and gates exchanged: accepted", w->name, i);
		img->record[i] = r[1], img->record[i + 1] = r[0];
		CHECK(mutant(w, i, "calls exchanged"), "%s, %u: calls exchanged: accepted", w->name, i);
		img->gate[i] = g[0], img->gate[i + 1] = g[1];
		CHECK(mutant(w, i, "records exchanged"), "%s, %u: sites and records exchanged: accepted", w->name, i);
		img->site[i] = s[0], img->site[i + 1] = s[1];
		img->record[i] = r[0], img->record[i + 1] = r[1];
		img->site[i].helper++;
		CHECK(mutant(w, i, "another helper's site"), "%s, %u: accepted", w->name, i);
		img->site[i] = s[0];
		img->nr_site = i;
		CHECK(mutant(w, i, "sites missing"), "%s, %u: accepted", w->name, i);
		img->nr_site = w->nr_call;
	}
	img->nr_callback ? img->nr_callback-- : 0;
	CHECK(mutant(w, 0, "a callback missing") || w->name[0] != 'o', "a callback that is none: accepted");
}

/* What the gate supplies costs nothing but that: where all is supplied there is neither check nor comparison. */
static void check_supplied(void)
{
	static const struct { u32 program, call; } all[] = { { 0, 0 }, { 1, 1 } };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(all); i++) {
		const struct moat_call_gate *g = &gated[all[i].program].img.gate[all[i].call];

		CHECK(g->work == MOAT_WORK_FORM && !g->nr_check && !g->nr_sized, "%s at %u: work %u, %u checks",
		      g->helper->name, g->pc, g->work, g->nr_check);
	}
}

static void tell(const char *what, u32 of)
{
	u32 i;

	printf("%s: %u mutants, %u refused, %u accepted and harmless:", what, of, nr_refused, nr_harmless);
	for (i = 0; i < ARRAY_SIZE(harmless) && harmless[i].how; i++)
		printf("%s %s %u", i ? "," : "", harmless[i].how, harmless[i].nr);
	printf("\n  of %u refused that were looked at, %u are seen to be weak\n", nr_looked, nr_weak);
	CHECK(nr_weak * 20 > nr_looked, "%s: the second opinion sees nothing", what);
	CHECK(of * every > 20000, "%s: only %u mutants", what, of);
	memset(harmless, 0, sizeof(harmless));
	nr_refused = nr_harmless = nr_looked = nr_weak = 0;
}

int main(void)
{
	const char *fewer = getenv("MUTANTS");
	u32 i, site, before;

	every = fewer && atoi(fewer) > 0 && atoi(fewer) < 100000 ? 100000 / atoi(fewer) : 1;
	gates_begin();
	for (i = 0; i < nr_gated; i++) {
		struct moat_gate_verdict v;

		gated_make(&gated[i], NULL);
		if (!CHECK(!moat_gates_check(&gated[i].img, &v), "%s: refused at %u, argument %u: %s", gated[i].name, v.insn,
			   v.arg, v.why))
			return check_done();
		for (site = 0; site < gated[i].img.nr_site; site++)
			CHECK(!gate_weakness(&gated[i], site, &gated[i].img.gate[site], 4 * TRIES), "%s: call %u: %s",
			      gated[i].name, site, gate_weakness(&gated[i], site, &gated[i].img.gate[site], 4 * TRIES));
	}
	check_supplied();
	for (i = 0; i < ARRAY_SIZE(damages); i++)
		do_damage(i);
	for (i = 0; i < nr_gated; i++)
		for (site = 0; site < gated[i].img.nr_site; site++)
			change_gate(&gated[i], site);
	tell("gates", nr_mutant);
	before = nr_mutant;
	for (i = 0; i < nr_gated; i++)
		for (site = 0; site < gated[i].img.nr_site; site++)
			change_record(&gated[i], site);
	tell("records", nr_mutant - before);
	for (i = 0; i < nr_gated; i++) {
		exchange_calls(&gated[i]);
		gated_free(&gated[i]);
	}
	gates_end();
	return check_done();
}
