/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Messages and names: what people read. */
#include "internal.h"

#define LINE	2048

static void print_default(enum moat_print_level level, const char *text)
{
	if (level == MOAT_WARN)
		fprintf(stderr, "moat: %s\n", text);
}

static _Atomic moat_print_fn print_fn = print_default;

moat_print_fn moat_set_print(moat_print_fn fn)
{
	return atomic_exchange(&print_fn, fn);
}

void moat_print(enum moat_print_level level, const char *fmt, ...)
{
	moat_print_fn fn = atomic_load(&print_fn);
	char text[LINE];
	va_list args;

	if (!fn)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fn(level, text);
}

const char *moat_version(void)
{
	return MOAT_VERSION;
}

static const char *const mode_name[MOAT_NR_MODES] = {
	[MOAT_MODE_AUTO] = "auto",
	[MOAT_MODE_NONE] = "none",
	[MOAT_MODE_BASEREG] = "basereg",
#if defined(__aarch64__)
	[MOAT_MODE_PKU] = "poe",
	[MOAT_MODE_PKU_BASEREG] = "poe+basereg",
#else
	[MOAT_MODE_PKU] = "pku",
	[MOAT_MODE_PKU_BASEREG] = "pku+basereg",
#endif
};

const char *moat_mode_name(enum moat_mode mode)
{
	return mode < MOAT_NR_MODES ? mode_name[mode] : "unknown";
}

int moat_mode_parse(const char *name, enum moat_mode *mode)
{
	u32 i;

	for (i = 0; i < MOAT_NR_MODES; i++) {
		if (!strcmp(name, mode_name[i])) {
			*mode = i;
			return 0;
		}
	}
	return -EINVAL;
}

static const char *const fault_name[MOAT_NR_FAULTS] = {
	[MOAT_FAULT_NONE] = "none",
	[MOAT_FAULT_CAGE] = "cage",
	[MOAT_FAULT_KEY] = "key",
	[MOAT_FAULT_FUEL] = "fuel",
	[MOAT_FAULT_AUDIT] = "audit",
	[MOAT_FAULT_TRAP] = "trap",
	[MOAT_FAULT_MEMORY] = "memory",
};

const char *moat_fault_name(enum moat_fault_kind kind)
{
	return kind < MOAT_NR_FAULTS ? fault_name[kind] : "unknown";
}

/* Text that is cut off, not overrun, at the end of a buffer. */
struct text {
	char *buf;
	size_t size, len;
};

__printf(2, 3) static void add(struct text *t, const char *fmt, ...)
{
	va_list args;
	int n;

	if (t->len >= t->size)
		return;
	va_start(args, fmt);
	n = vsnprintf(t->buf + t->len, t->size - t->len, fmt, args);
	va_end(args);
	t->len += n > 0 ? n : 0;
}

static void add_helper(struct text *t, s32 id)
{
	const struct moat_helper *h = moat_helper_builtin(id);

	/* The table's names may or may not carry the prefix that people know. */
	if (h && h->name)
		add(t, "%s%s", strncmp(h->name, "bpf_", 4) ? "bpf_" : "", h->name);
	else
		add(t, "helper %d", id);
}

/* The source line, without its indentation. */
static void add_source(struct text *t, const struct moat_fault *f)
{
	const char *text = f->text;
	size_t len;

	if (!f->file)
		return;
	add(t, " (%s:%u", f->file, f->line);
	if (text) {
		text += strspn(text, " \t");
		len = strcspn(text, "\n");
		add(t, " \"%.*s\"", (int)len, text);
	}
	add(t, ")");
}

static void add_what(struct text *t, const struct moat_fault *f)
{
	switch (f->kind) {
	case MOAT_FAULT_CAGE:
		add(t, ": %s of offset 0x%llx", f->write ? "write" : "read", (unsigned long long)f->address);
		break;
	case MOAT_FAULT_KEY:
	case MOAT_FAULT_MEMORY:
		add(t, ": %s of address 0x%llx", f->write ? "write" : "read", (unsigned long long)f->address);
		break;
	case MOAT_FAULT_FUEL:
		add(t, ": out of fuel");
		break;
	case MOAT_FAULT_AUDIT:
		if (f->arg)
			add(t, ": argument %d of ", f->arg);
		else
			add(t, ": ");
		add_helper(t, f->helper);
		break;
	case MOAT_FAULT_NONE:
	case MOAT_FAULT_TRAP:
	case MOAT_NR_FAULTS:
		break;
	}
	if (f->reason)
		add(t, ": %s", f->reason);
	if (f->proved)
		add(t, ", proved: %s, came: 0x%llx", f->proved, (unsigned long long)f->address);
}

const char *moat_fault__text(const struct moat_fault *fault, char *buf, size_t size)
{
	struct text t = { .buf = buf, .size = size };

	if (!size)
		return buf;
	buf[0] = '\0';
	if (fault->kind == MOAT_FAULT_NONE) {
		add(&t, "no fault");
		return buf;
	}
	add(&t, "%s fault at insn %u", moat_fault_name(fault->kind), fault->insn);
	add_source(&t, fault);
	add_what(&t, fault);
	return buf;
}
