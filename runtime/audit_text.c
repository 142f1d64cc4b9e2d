/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Audit records in words: for faults, dumps and people. */
#include "gate.h"

struct text {
	char *at;
	size_t left;
};

__printf(2, 3) static void add(struct text *t, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(t->at, t->left, fmt, args);
	va_end(args);
	if (n < 0)
		return;
	if ((size_t)n >= t->left)
		n = t->left - 1;
	t->at += n;
	t->left -= n;
}

/* Small numbers of either sign in decimal, others in hex. */
static void add_number(struct text *t, u64 n)
{
	if (n < 1ull << 31 || n >= -(1ull << 31))
		add(t, "%lld", (long long)n);
	else
		add(t, "0x%llx", (unsigned long long)n);
}

static void add_map(struct text *t, const struct moat_program *prog, u16 handle)
{
	const struct moat_map *m = prog && prog->domain ? moat_domain_map_at(prog->domain, handle) : NULL;

	add(t, "map %s", m ? m->name : "?");
}

static void add_bytes(struct text *t, const struct moat_arg_audit *a)
{
	static const char *const by[] = {
		[MOAT_SIZE_NEXT] = "as many bytes as the next argument says", [MOAT_SIZE_KEY] = "as many bytes as the map's keys",
		[MOAT_SIZE_VALUE] = "as many bytes as the map's values",
	};

	if (a->size == MOAT_SIZE_FIXED)
		add(t, "%u byte%s", a->bytes, a->bytes == 1 ? "" : "s");
	else
		add(t, "%s", by[a->size]);
}

static void add_range(struct text *t, const struct moat_arg_audit *a)
{
	if (a->span != ~0ull) {
		add_number(t, a->min);
		add(t, "..");
		add_number(t, a->min + a->span);
	}
	if (a->mask)
		add(t, "%sbits 0x%llx are 0x%llx", a->span != ~0ull ? ", " : "", (unsigned long long)a->mask,
		    (unsigned long long)a->value);
	if (a->span == ~0ull && !a->mask)
		add(t, "any number");
}

static void add_memory(struct text *t, const struct moat_arg_audit *a, const struct moat_program *prog)
{
	add_bytes(t, a);
	switch ((enum moat_region_kind)a->region) {
	case MOAT_REGION_FRAME:
		add(t, " in the frame, from %lld..%lld", (long long)a->min, (long long)(a->min + a->span));
		break;
	case MOAT_REGION_CTX:
		add(t, " in the context");
		break;
	case MOAT_REGION_PACKET:
		add(t, " in the packet");
		break;
	case MOAT_REGION_MAP:
		add(t, " in values of ");
		add_map(t, prog, a->ref);
		break;
	case MOAT_REGION_ANY:
	case MOAT_NR_REGIONS:
		add(t, " in memory of the program");
	}
	add(t, ", %s%s", a->rights & MOAT_WRITE ? "writable" : "readable",
	    !a->nullable ? "" : a->size == MOAT_SIZE_NEXT ? ", or NULL for none" : ", or NULL");
}

const char *moat_program__audit_text(const struct moat_program *prog, const struct moat_arg_audit *arg, char *buf,
				     size_t size)
{
	char text[MOAT_AUDIT_TEXT];

	snprintf(buf, size, "%s", moat_audit_text(text, arg, prog));
	return buf;
}

static void add_supplied(struct text *t, const struct moat_arg_audit *a, const struct moat_program *prog)
{
	if (a->kind == MOAT_AUDIT_CONST) {
		add_number(t, a->min);
	} else if (a->kind == MOAT_AUDIT_CONTEXT) {
		add(t, "the context");
	} else if (a->kind == MOAT_AUDIT_MAP) {
		add_map(t, prog, a->ref);
	} else if (a->kind == MOAT_AUDIT_FRAME) {
		add(t, "frame%+lld, ", (long long)a->min);
		add_bytes(t, a);
	} else {
		add_map(t, prog, a->ref);
		add(t, "'s value+%llu, ", (unsigned long long)a->min);
		add_bytes(t, a);
	}
}

static void add_record(struct text *t, const struct moat_arg_audit *a, const struct moat_program *prog)
{
	add(t, "a record that the run holds");
	if (a->region != MOAT_REGION_MAP)
		return;
	add(t, ", of ");
	add_map(t, prog, a->ref);
}

const char *moat_audit_text(char text[MOAT_AUDIT_TEXT], const struct moat_arg_audit *a, const struct moat_program *prog)
{
	struct text t = { text, MOAT_AUDIT_TEXT };

	*text = '\0';
	if (moat_audit_supplies(a))
		add_supplied(&t, a, prog);
	else if (a->kind == MOAT_AUDIT_NUMBER)
		add_range(&t, a);
	else if (a->kind == MOAT_AUDIT_MEMORY)
		add_memory(&t, a, prog);
	else if (a->kind == MOAT_AUDIT_HANDLE)
		add(&t, "a map of the program%s", a->nullable ? ", or NULL" : "");
	else if (a->kind == MOAT_AUDIT_RECORD)
		add_record(&t, a, prog);
	else if (a->kind == MOAT_AUDIT_OBJECT)
		add(&t, "an object of type %u that the run holds", a->ref);
	else if (a->kind == MOAT_AUDIT_CALLBACK)
		add(&t, "a callback of the program");
	return text;
}
