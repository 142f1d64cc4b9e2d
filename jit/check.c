/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The checker's walk over an image, and the calls that lead out of it. */
#include "walk.h"
#include "arch.h"
#include "carve.h"

/* Every table of a check; those that must be zero come first: their bytes. */
static size_t tables(struct moat_walk *w, u32 bytes, struct moat_area *a)
{
	size_t n = bytes, zeroed;
	u32 l;

	w->map = moat_carve(a, n + 1, sizeof(*w->map));
	for (l = 0; l < WALK_LEVELS; l++) {
		n = n / 64 + 1;
		w->pending[l] = moat_carve(a, n, sizeof(u64));
	}
	w->bucket = moat_carve(a, WALK_BUCKETS, sizeof(*w->bucket));
	zeroed = a->bytes;
	w->max_call = bytes / 8 + 8;
	w->call = moat_carve(a, w->max_call, sizeof(*w->call));
	w->max_node = bytes / 16 + 256 < WALK_STATE ? bytes / 16 + 256 : WALK_STATE;
	w->node = moat_carve(a, w->max_node, sizeof(*w->node));
	return zeroed;
}

size_t moat_check_bytes(u32 bytes)
{
	struct moat_walk *none = NULL, w;
	struct moat_area a = { .at = NULL };

	moat_carve(&a, 1, sizeof(*none));
	tables(&w, bytes, &a);
	return a.bytes;
}

/* Calls out ---------------------------------------------------------------- */

u32 moat_call_number(const struct moat_walk *w)
{
	u32 lo = 0, hi = w->nr_call;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (w->call[mid] < w->at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Where the call that belongs to a site leads; 0: nowhere. */
static u64 function_of(const struct moat_walk *w, const struct moat_site *site)
{
	const struct moat_check *c = w->c;
	struct moat_callee callee;

	if (site->helper < 0)
		return c->packet;
	if (site->helper == BPF_FUNC_tail_call)
		return c->tail;
	if (!w->lax)
		return c->call;
	return c->callee && !c->callee(c->arg, site->helper, &callee) ? callee.address : 0;
}

bool moat_call_allowed(struct moat_walk *w, u64 address, s64 site, bool *tail)
{
	const struct moat_check *c = w->c;
	u32 n = moat_call_number(w);

	*tail = address == c->tail;
	if (site != n && !(w->lax && site < 0))
		return moat_reject(w, "the call passes the number of another site");
	if (c->site && (n >= c->nr_site || !address || function_of(w, &c->site[n]) != address))
		return moat_reject(w, "the call does not lead where its site says");
	if (!address || (!c->site && address != c->call && address != c->tail && address != c->packet))
		return moat_reject(w, "a call of what is no function of the host");
	return true;
}

/* The walk ----------------------------------------------------------------- */

static bool scan(struct moat_walk *w)
{
	u32 next;

	for (w->at = w->c->main; w->at < w->c->bytes; w->at = next) {
		w->map[w->at >> w->arch->shift] |= WALK_START;
		if (!w->arch->scan(w, &next))
			return false;
		if (next > w->c->bytes)
			return moat_reject(w, "the last instruction is cut off");
	}
	w->at = 0;
	if (w->c->site && w->nr_call != w->c->nr_site)
		return moat_reject(w, "there are not as many calls as sites");
	return true;
}

static void follow(struct moat_walk *w, u32 unit)
{
	u16 *m = &w->map[unit];

	w->s = w->node[(*m & WALK_STATE) - 1].s;
	w->at = unit << w->arch->shift;
	while (true) {
		*m |= WALK_SEEN;
		w->c->steps++;
		if (!w->arch->step(w) || w->c->why)
			return;
		w->at = w->next;
		if (w->at >= w->c->bytes) {
			moat_reject(w, "control runs off the end of the image");
			return;
		}
		m = &w->map[w->at >> w->arch->shift];
		if (*m & WALK_TARGET) {
			moat_flow(w, w->at);
			return;
		}
	}
}

static void enter(struct moat_walk *w, u32 at, bool callback)
{
	memset(&w->s, 0, sizeof(w->s));
	w->at = at;
	if (!moat_is_start(w, at)) {
		moat_reject(w, "an entry where no instruction of the image begins");
		return;
	}
	w->arch->enter(w, callback);
	moat_flow(w, at);
}

static void count_dead(struct moat_walk *w)
{
	bool dead = false;
	u32 i;

	for (i = 0; i < w->units; i++) {
		if (w->map[i] & WALK_START)
			dead = !(w->map[i] & WALK_SEEN);
		w->c->dead += dead << w->arch->shift;
	}
}

static bool walk(struct moat_walk *w)
{
	s64 unit;
	u32 i;

	if (w->c->bytes <= w->c->main || (w->c->kernel && !w->arch->stub(w)) || !scan(w))
		return moat_reject(w, "there is no code");
	enter(w, w->c->main, false);
	for (i = 0; i < w->c->nr_entry; i++)
		enter(w, w->c->entry[i], true);
	while (!w->c->why && (unit = moat_first_pending(w)) >= 0) {
		moat_clear_pending(w, unit);
		follow(w, unit);
	}
	count_dead(w);
	return !w->c->why;
}

int moat_check(struct moat_check *c, void *work)
{
	struct moat_area a = { .at = work };
	struct moat_walk *w = moat_carve(&a, 1, sizeof(*w));
	size_t from = a.bytes, zeroed;

	memset(w, 0, sizeof(*w));
	zeroed = tables(w, c->bytes, &a);
	memset((u8 *)work + from, 0, zeroed - from);
	w->c = c;
	w->arch = c->arch->walker;
	w->units = c->bytes >> w->arch->shift;
	w->lax = c->mode == MOAT_MODE_NONE;
	w->gates = c->mode == MOAT_MODE_PKU || c->mode == MOAT_MODE_PKU_BASEREG;
	w->basereg = c->mode == MOAT_MODE_BASEREG || c->mode == MOAT_MODE_PKU_BASEREG;
	c->why = NULL;
	c->at = c->dead = c->steps = 0;
	if (c->bytes & ((1 << w->arch->shift) - 1))
		moat_reject(w, "the last instruction is cut off");
	return c->why || !walk(w) ? -EPERM : 0;
}

void moat_check_facts(struct moat_check *c, const struct moat *jit, const u8 *code, u32 bytes, u32 *entry)
{
	const struct moat_options *opt = jit->opt;
	u32 i;

	*c = (struct moat_check){
		.arch = jit->arch, .code = code, .bytes = bytes, .pc = jit->buf.pc, .mode = opt->mode,
		.form = jit->form, .gate = opt->gate, .entry_args = opt->entry_args,
		.monitor_call = opt->monitor_call, .host_rights = opt->host_rights,
		.domain_rights = opt->domain_rights, .call = opt->call, .tail = opt->tail, .packet = opt->packet,
		.main = jit->entry, .entry = entry, .site = jit->site, .nr_site = jit->nr_site, .callee = opt->callee, .arg = opt->arg,
	};
	if (moat_has_stub(opt)) {
		c->kernel = opt->kernel;
		c->pads = opt->cpu & jit->arch->pads;
		c->signs = opt->cpu & jit->arch->signs;
		c->bytes = jit->traps_at + jit->nr_trap * jit->arch->trap_bytes;
		c->behind = bytes - c->bytes;
	}
	for (i = 0; i < jit->nr_func; i++)
		if (jit->func[i].is_callback && jit->func[i].start)
			entry[c->nr_entry++] = jit->func_entry[i];
}
