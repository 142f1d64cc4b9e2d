/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a program to lines of disassembly; see listing.h. */
#include <stdlib.h>

#include "../jit/arch.h"
#include "listing.h"
#include "listing_kernel.h"
#include "../runtime/internal.h"
#include "oracle.h"
#include "oracle_a64.h"

#define IMAGE_AT	0x10000000ull
#define CALL_AT		0x20000000ull
#define TAIL_AT		0x20001000ull
#define PACKET_AT	0x20002000ull
#define HELPERS_AT	LISTING_HELPERS
#define HELPER_BYTES	0x100
#define NR_HELPERS	300

/* The work at hand. */
struct view {
	const struct listing_spec *spec;
	struct moat jit;
	u8 *code;
	u32 from, to;		/* code offsets that are shown */
	u32 exit_at, exit_end;	/* the epilogue of the main function */
	u8 *is_target;		/* by code offset */
	u64 constant[32];	/* arm64: what the last movz and movk put together, by register */
	u32 *label;
	struct listing_kernel told;
	struct listing *out;
};

static bool known(void *arg, s32 id)
{
	return id > 0 && id < NR_HELPERS;
}

/* Helpers below 2 (map_lookup_elem) return memory. */
static int callee(void *arg, s32 id, struct moat_callee *out)
{
	if (!known(arg, id))
		return -ENOENT;
	out->address = HELPERS_AT + id * HELPER_BYTES;
	out->ret_mem = id < 2;
	return 0;
}

/* Helper 8 tells the CPU; helper 1 looks up in the array 0x1000 and the per-CPU array 0x2000. */
void listing_inlined(void *arg, s32 id, u64 r1, struct moat_inline *out)
{
	*out = (struct moat_inline){ .kind = MOAT_INLINE_NO };
	if (id == BPF_FUNC_get_smp_processor_id)
		out->kind = MOAT_INLINE_CPU;
	if (id == BPF_FUNC_map_lookup_elem && (r1 == 0x1000 || r1 == 0x2000))
		*out = (struct moat_inline) {
			.kind = MOAT_INLINE_ARRAY, .base = 0x20000, .stride = r1 == 0x1000 ? 8 : 24,
			.entries = 100, .cpu_bytes = r1 == 0x1000 ? 0 : 4096,
		};
}

void listing_defaults(struct listing_spec *spec)
{
	*spec = (struct listing_spec) {
		.opt = {
			.arch = &x64_arch, .mode = MOAT_MODE_NONE, .entry_args = 1,
			.host_rights = 0x55555554, .domain_rights = 0x55555551,
			.call = CALL_AT, .tail = TAIL_AT, .packet = PACKET_AT,
			.known = known, .callee = callee, .check = moat_verify_image,
		},
		.pc = IMAGE_AT,
	};
	listing_kernel_defaults(&spec->kernel);
}

void listing_arm64(struct listing_spec *spec)
{
	spec->opt.arch = &a64_arch;
	spec->opt.form = MOAT_BASE_REGISTER;
	spec->opt.cpu = 0;
	/* POR_EL0: the host may do all with key 0; the domain executes there, and reads and writes key 1. */
	spec->opt.host_rights = 0x7;
	spec->opt.domain_rights = 0x52;
}

static void log_line(void *arg, const char *text)
{
	struct listing *out = arg;

	snprintf(out->refused, sizeof(out->refused), "%s", text);
}

__printf(2, 3) static void add_line(struct listing *out, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (out->nr < LISTING_LINES)
		out->line[out->nr++] = strdup(text);
}

/* Names -------------------------------------------------------------------- */

static bool host_name(u64 target, char name[40])
{
	u64 helper = (target - HELPERS_AT) / HELPER_BYTES;

	if (listing_kernel_name(target))
		strcpy(name, listing_kernel_name(target));
	else if (target == CALL_AT || target == TAIL_AT || target == PACKET_AT)
		strcpy(name, target == CALL_AT ? "call" : target == TAIL_AT ? "tail" : "packet");
	else if (target >= HELPERS_AT && helper < NR_HELPERS && target % HELPER_BYTES == 0)
		snprintf(name, 40, "helper_%u", (u32)helper);
	else
		return false;
	return true;
}

static const char *trap_name(const struct moat *jit, u32 at)
{
	static const char *const of_kind[MOAT_NR_FAULTS] = {
		[MOAT_FAULT_FUEL] = "fuel", [MOAT_FAULT_TRAP] = "trap",
	};
	u32 i;

	for (i = 0; i < jit->nr_trap; i++)
		if (jit->trap[i].at == at && of_kind[jit->trap[i].kind])
			return of_kind[jit->trap[i].kind];
	return "nowhere";
}

static void target_name(const struct view *v, u64 target, char name[40])
{
	u32 at = target - v->spec->pc;

	if (host_name(target, name))
		return;
	if (target - v->spec->pc >= v->jit.bytes)
		snprintf(name, 40, "0x%llx", (unsigned long long)target);
	else if (v->is_target[at])
		snprintf(name, 40, "L%u", v->label[at]);
	else if (at == v->exit_at)
		strcpy(name, "exit");
	else if (at == v->jit.returns_at && at != v->jit.traps_at)
		strcpy(name, "returns");
	else
		snprintf(name, 40, "%s", trap_name(&v->jit, at));
}

/* The last number of a line is the target of a branch; one in "[rip + 0x10]" a distance. */
static void put_name_x64(const struct view *v, struct oracle_ins *ins)
{
	char *rip = strstr(ins->text, "rip "), *at, rest[80], name[40];

	if (ins->has_target) {
		target_name(v, ins->target, name);
		at = rip ? rip : strrchr(ins->text, ' ') + 1;
		snprintf(rest, sizeof(rest), "%s", rip ? strchr(rip, ']') : "");
		snprintf(at, sizeof(ins->text) - (at - ins->text), "%s%s", name, rest);
	} else if (!strncmp(ins->text, "movabs ", 7)) {
		at = strrchr(ins->text, ' ') + 1;
		if (host_name(strtoull(at, NULL, 0), name))
			strcpy(at, name);
	}
}

static u32 word_at(const struct view *v, u32 at)
{
	const u8 *c = v->code + at;

	return c[0] | c[1] << 8 | c[2] << 16 | (u32)c[3] << 24;
}

static u64 quad_at(const struct view *v, u32 at)
{
	return word_at(v, at) | (u64)word_at(v, at + 4) << 32;
}

/* What movz, movn, a bitmask and movk make of a register; the text tells the number. */
static void follow_constant(struct view *v, u32 word, const char *text)
{
	u32 reg = word & 31, shift = word >> 17 & 0x30;
	const char *number = strchr(text, '#');

	if (number && !strncmp(text, "mov ", 4))
		v->constant[reg] = strtoull(number + 1, NULL, 0);
	else if (number && !strncmp(text, "movk ", 5))
		v->constant[reg] = (v->constant[reg] & ~(0xffffull << shift)) | strtoull(number + 1, NULL, 0) << shift;
}

/*
 * "b.eq #8" to "b.eq L0"; "blr x9" to "blr x9 (call)" if X9 was made from that address; "ldr x9, =call" if it
 * is loaded.
 */
static void put_name_a64(struct view *v, u32 at, struct oracle_ins *ins)
{
	u32 word = word_at(v, at), literal = at + (s32)(word << 8) / 8192 * 4;
	char name[40];

	if (word >> 24 == 0x58 && literal < v->jit.bytes && host_name(quad_at(v, literal), name)) {
		sprintf(strchr(ins->text, ',') + 1, " =%s", name);
	} else if (ins->has_target) {
		target_name(v, ins->target, name);
		strcpy(strrchr(ins->text, ' ') + 1, name);
	} else if ((word & 0xfffffc1f) == 0xd63f0000 && host_name(v->constant[word >> 5 & 31], name)) {
		snprintf(ins->text + strlen(ins->text), 50, " (%s)", name);
	} else {
		follow_constant(v, word, ins->text);
	}
}

static bool is_arm64(const struct view *v)
{
	return v->spec->opt.arch == &a64_arch;
}

/* Disassembly -------------------------------------------------------------- */

static bool is_shown(const struct view *v, u32 at)
{
	if (at < v->from || at >= v->to)
		return false;
	return v->spec->whole || at < v->exit_at || at >= v->exit_end;
}

/* A branch's distance is the number behind the last "#". */
static void decode_a64(const struct view *v, u32 at, struct oracle_ins *ins)
{
	const char *text = oracle_a64_text(word_at(v, at)), *number;

	*ins = (struct oracle_ins){ .bytes = 4 };
	if (!text) {
		snprintf(ins->text, sizeof(ins->text), "(bad) %08x", word_at(v, at));
		return;
	}
	snprintf(ins->text, sizeof(ins->text), "%s", text);
	number = strrchr(text, '#');
	if (!number || (strncmp(text, "b ", 2) && strncmp(text, "b.", 2) && strncmp(text, "bl ", 3) &&
			strncmp(text, "cb", 2) && strncmp(text, "tb", 2) && strncmp(text, "adr ", 4)))
		return;
	ins->has_target = true;
	ins->target = v->spec->pc + at + strtoll(number + 1, NULL, 0);
}

/* In images for the kernel addresses stand behind the instructions. */
static bool is_data(const struct view *v, u32 at)
{
	return v->spec->for_kernel && is_arm64(v) && at >= v->jit.text_bytes && (v->jit.bytes - at) % 8 == 0;
}

static void decode_data(const struct view *v, u32 at, struct oracle_ins *ins)
{
	char name[40];

	if (!host_name(quad_at(v, at), name))
		snprintf(name, sizeof(name), "0x%llx", (unsigned long long)quad_at(v, at));
	*ins = (struct oracle_ins){ .bytes = 8 };
	snprintf(ins->text, sizeof(ins->text), ".quad %s", name);
}

/* Decode at @at; what cannot be decoded is one byte long (or one word) and says so. */
static void decode(const struct view *v, u32 at, struct oracle_ins *ins)
{
	if (is_data(v, at)) {
		decode_data(v, at, ins);
		return;
	}
	if (is_arm64(v)) {
		decode_a64(v, at, ins);
		return;
	}
	if (oracle_decode(v->code + at, v->jit.bytes - at, v->spec->pc + at, ins))
		return;
	*ins = (struct oracle_ins){ .bytes = 1 };
	snprintf(ins->text, sizeof(ins->text), "(bad) %02x", v->code[at]);
}

static void find_labels(struct view *v)
{
	struct oracle_ins ins;
	u32 at, n = 0;

	for (at = v->from; at < v->to; at += ins.bytes) {
		u32 to;

		decode(v, at, &ins);
		to = ins.target - v->spec->pc;
		if (!is_shown(v, at) || !ins.has_target || ins.target < v->spec->pc || to >= v->jit.bytes)
			continue;
		if (is_shown(v, to) && (to < v->jit.traps_at || to >= v->jit.traps_at + v->jit.arch->trap_bytes * v->jit.nr_trap))
			v->is_target[to] = 1;
	}
	for (at = v->from; at < v->to; at++)
		if (v->is_target[at])
			v->label[at] = n++;
}

static void add_ins(struct view *v, u32 at, const struct oracle_ins *ins)
{
	const char *note = listing_kernel_note(&v->told, at);
	char bytes[64] = "", told[80] = "";
	u32 i, n = 0;

	if (note)
		snprintf(told, sizeof(told), " (%s)", note);

	for (i = 0; v->spec->bytes && i < ins->bytes; i++)
		n += snprintf(bytes + n, sizeof(bytes) - n, "%s%02x", i ? " " : " ; ", v->code[at + i]);
	add_line(v->out, "%s%s%s", ins->text, told, bytes);
}

static void disassemble(struct view *v)
{
	struct oracle_ins ins;
	u32 at;

	find_labels(v);
	for (at = v->from; at < v->to; at += ins.bytes) {
		decode(v, at, &ins);
		if (!is_shown(v, at))
			continue;
		if (v->is_target[at])
			add_line(v->out, "L%u:", v->label[at]);
		if (is_arm64(v) && !is_data(v, at))
			put_name_a64(v, at, &ins);
		else if (!is_arm64(v))
			put_name_x64(v, &ins);
		add_ins(v, at, &ins);
	}
}

/* Compilation -------------------------------------------------------------- */

/* Place and write until no gate byte sequence is left, as a host does. */
static int emit(struct view *v)
{
	int err, round = 0;

	do {
		free(v->code);
		v->code = malloc(v->jit.bytes);
		if (!v->code)
			return -ENOMEM;
		err = moat_emit(&v->jit, v->code, v->spec->pc, v->jit.bytes);
	} while (err == -EAGAIN && round++ < 100);
	return err;
}

/* What is shown: from the first slot to the last, or the whole image. */
static void choose_range(struct view *v)
{
	const struct moat *jit = &v->jit;
	u32 i;

	v->from = v->spec->whole ? 0 : jit->slot[0].start;
	v->to = v->spec->whole ? jit->bytes : jit->slot[jit->len].start;
	for (i = 0; i < jit->func[0].end; i++) {
		if (jit->op[i].kind != MOAT_EXIT)
			continue;
		v->exit_at = jit->slot[i].start;
		v->exit_end = v->exit_at + jit->slot[i].body;
	}
}

static void collect(const struct view *v)
{
	u32 at;

	for (at = v->from; at < v->to && is_arm64(v); at += 4)
		oracle_a64_want(word_at(v, at));
}

static void show(struct view *v)
{
	v->is_target = calloc(v->jit.bytes + 1, 1);
	v->label = calloc(v->jit.bytes + 1, sizeof(*v->label));
	if (v->is_target && v->label)
		disassemble(v);
	free(v->is_target);
	free(v->label);
}

void listing_make(struct listing *out, const struct listing_spec *spec, const struct bpf_insn *insn, u32 len)
{
	struct moat_options opt = spec->opt;
	struct view v = { .spec = spec, .out = out };
	bool function = spec->for_kernel && opt.mode == MOAT_MODE_NONE;
	void *work = calloc(1, function ? moat_kernel_work_bytes(len) : moat_work_bytes(len));

	memset(out, 0, sizeof(*out));
	opt.log = (struct moat_log){ log_line, out };
	if (spec->for_kernel) {
		v.told.insn = insn;
		opt.kernel = &spec->kernel;
		opt.arg = &v.told;
	}
	out->err = work ? moat_plan(&v.jit, insn, len, &opt, work) : -ENOMEM;
	if (!out->err)
		out->err = emit(&v);
	if (!out->err) {
		choose_range(&v);
		if (spec->collect)
			collect(&v);
		else
			show(&v);
	}
	free(v.code);
	free(work);
}

void listing_free(struct listing *out)
{
	u32 i;

	for (i = 0; i < out->nr; i++)
		free(out->line[i]);
	out->nr = 0;
}
