/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What listings of images for the kernel add: their options, addresses and notes; see listing.h. */
#include "listing_kernel.h"

#define HELPER_BYTES	0x100

/* Fixed addresses, each with the name that a listing has for it. */
static const struct {
	u64 at;
	const char *name;
} places[] = {
	{ LISTING_SUBPROGRAM, "subprogram" }, { LISTING_RETURN_THUNK, "return_thunk" },
	{ LISTING_JUMP_THUNK, "jump_thunk" }, { LISTING_HISTORY, "clear_history" },
	{ LISTING_TRAMPOLINE, "dummy_tramp" }, { LISTING_RUN, "run" },
	{ LISTING_ENTER, "enter" }, { LISTING_LEAVE, "leave" },
};

const char *listing_kernel_name(u64 target)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(places); i++)
		if (places[i].at == target)
			return places[i].name;
	return NULL;
}

/* Helpers by their number, and one subprogram. */
static int address(void *arg, u32 pc, u64 *to)
{
	const struct listing_kernel *k = arg;
	const struct bpf_insn *insn = &k->insn[pc];

	*to = LISTING_SUBPROGRAM;
	if (insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg != BPF_PSEUDO_CALL)
		*to = LISTING_HELPERS + (u64)insn->imm * HELPER_BYTES;
	return 0;
}

__printf(3, 4) static void note(struct listing_kernel *k, u32 at, const char *fmt, ...)
{
	va_list ap;

	if (k->nr_note == LISTING_NOTES)
		return;
	va_start(ap, fmt);
	k->note[k->nr_note].at = at;
	vsnprintf(k->note[k->nr_note++].text, sizeof(k->note[0].text), fmt, ap);
	va_end(ap);
}

static void probe(void *arg, u32 pc, u32 at, u32 end, u8 reg)
{
	note(arg, at, "may fault: %u bytes, register %u", end - at, reg);
}

static void poke(void *arg, u32 index, u32 bypass, u32 target)
{
	note(arg, bypass, "bypass of %u", index);
	note(arg, target, "target of %u", index);
}

const char *listing_kernel_note(const struct listing_kernel *k, u32 at)
{
	u32 i;

	for (i = 0; i < k->nr_note; i++)
		if (k->note[i].at == at)
			return k->note[i].text;
	return NULL;
}

/* Offsets as in Linux 6.1 on both architectures. */
void listing_kernel_defaults(struct moat_kernel *k)
{
	*k = (struct moat_kernel) {
		.array_entries = 0x24, .array_progs = 0x110, .prog_entry = 0x30, .max_tail_calls = 33,
		.probe_limit = 1ull << 47, .dummy_tramp = LISTING_TRAMPOLINE,
		.run = LISTING_RUN, .domain = 0xffff888123456780ull,
		.address = address, .probe = probe, .poke = poke,
	};
}

static bool yes(const char *value, bool *out)
{
	*out = !strcmp(value, "yes");
	return *out || !strcmp(value, "no");
}

static bool where(const char *value, u64 at, u64 *out)
{
	bool is;

	if (!yes(value, &is))
		return false;
	*out = is ? at : 0;
	return true;
}

/* arm64's ways to clear the branch history. */
static bool set_history(struct moat_kernel *k, const char *value)
{
	if (!strcmp(value, "hint")) {
		k->history_hint = true;
	} else if (!strcmp(value, "loops")) {
		k->history_loops = 8;
	} else if (!strcmp(value, "firmware")) {
		k->history_call = 0xd4000002;		/* hvc #0 */
		k->history_function = 0x80003fff;	/* ARM_SMCCC_ARCH_WORKAROUND_3 */
	} else {
		return false;
	}
	return true;
}

/* What the stub enters the image by itself with: a run, and what there is to do around it. */
static bool set_slot(struct moat_kernel *k, const char *value)
{
	bool views = !strcmp(value, "views");

	k->slot = 0xffff8881007f0040ull;
	k->cpu_offset = 0x1c128;
	k->enter = views || !strcmp(value, "enter") ? LISTING_ENTER : 0;
	k->leave = views ? LISTING_LEAVE : 0;
	return views || k->enter || !strcmp(value, "yes");
}

bool listing_kernel_key(struct moat_kernel *k, const char *key, const char *value)
{
	if (!strcmp(key, "stack")) {
		k->stack_bytes = (u16)strtoul(value, NULL, 0);
		return true;
	}
	if (!strcmp(key, "limit"))
		return (k->probe_limit = strtoull(value, NULL, 0)) > 0;
	if (!strcmp(key, "classic"))
		return yes(value, &k->classic);
	if (!strcmp(key, "subprogram"))
		return yes(value, &k->subprogram);
	if (!strcmp(key, "tails"))
		return yes(value, &k->tail_reachable);
	if (!strcmp(key, "thunks"))
		return where(value, LISTING_RETURN_THUNK, &k->return_thunk) &&
		       where(value, LISTING_JUMP_THUNK, &k->jump_thunk);
	if (!strcmp(key, "lfence"))
		return yes(value, &k->jump_lfence);
	if (!strcmp(key, "sls"))
		return yes(value, &k->int3_after_ret) && yes(value, &k->int3_after_jump);
	if (!strcmp(key, "clear"))
		return where(value, LISTING_HISTORY, &k->history_clear);
	if (!strcmp(key, "fence"))
		return yes(value, &k->history_fence);
	if (!strcmp(key, "slot"))
		return set_slot(k, value);
	if (!strcmp(key, "history"))
		return set_history(k, value);
	return false;
}
