/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Code that is only looked at: both architectures in every mode, on whichever machine this is. */
#include <errno.h>
#include <string.h>

#include "check.h"
#include "insns.h"
#include "objects.h"

static const struct mode forms[] = {
	{ "none", MOAT_MODE_NONE, 0, NULL },
	{ "basereg/register", MOAT_MODE_BASEREG, 1, NULL },
	{ "basereg/segment", MOAT_MODE_BASEREG, 2, NULL },
	{ "gates", MOAT_MODE_PKU, 0, NULL },
	{ "gates+basereg/register", MOAT_MODE_PKU_BASEREG, 1, NULL },
	{ "gates+basereg/segment", MOAT_MODE_PKU_BASEREG, 2, NULL },
};

/* What is behind the end is zero. */
static __u32 word_at(const struct moat_code *code, __u32 at)
{
	__u32 word = 0, left = code->bytes - at;

	memcpy(&word, (const char *)code->code + at, left < sizeof(word) ? left : sizeof(word));
	return word;
}

static bool is_arm64(const struct moat_code *code)
{
	return !strcmp(code->arch, "arm64");
}

/* BRK #0; UD2. */
static bool is_trap(const struct moat_code *code, __u32 at)
{
	return is_arm64(code) ? word_at(code, at) == 0xd4200000 : (word_at(code, at) & 0xffff) == 0x0b0f;
}

/* MSR POR_EL0, X9; WRPKRU. */
static __u32 count_gates(const struct moat_code *code)
{
	__u32 at, n = 0, step = is_arm64(code) ? 4 : 1;

	for (at = 0; at < code->bytes; at += step)
		n += is_arm64(code) ? word_at(code, at) == 0xd51ba289 : (word_at(code, at) & 0xffffff) == 0xef010f;
	return n;
}

static __u32 count_marks(const struct moat_code *code, __u8 kind)
{
	__u32 i, n = 0;

	for (i = 0; i < code->nr_marks; i++)
		n += code->marks[i].kind == kind;
	return n;
}

static void check_tables(const struct moat_code *code, const struct mode *m, const char *prog)
{
	__u32 i, last = 0, gates = count_gates(code), entries = count_marks(code, MOAT_MARK_ENTER);
	bool has_gates = m->mode >= MOAT_MODE_PKU;

	for (i = 0; i <= code->nr_slots; i++) {
		if (code->slot[i] < last || code->slot[i] > code->bytes || (is_arm64(code) && code->slot[i] % 4))
			break;
		last = code->slot[i];
	}
	CHECK(i == code->nr_slots + 1, "%s %s %s: slot %u", code->arch, m->name, prog, i);
	for (i = 0; i < code->nr_traps && is_trap(code, code->traps[i].at); i++)
		;
	CHECK(i == code->nr_traps, "%s %s %s: trap %u", code->arch, m->name, prog, i);
	CHECK(!is_arm64(code) || code->bytes % 4 == 0, "%s: %u bytes", prog, code->bytes);
	CHECK(has_gates ? entries && gates >= 2 * entries : !entries && !gates, "%s %s %s: %u gates, %u entries",
	      code->arch, m->name, prog, gates, entries);
	CHECK(!count_marks(code, MOAT_MARK_CAGE) || m->mode == MOAT_MODE_BASEREG || m->mode == MOAT_MODE_PKU_BASEREG,
	      "%s %s %s: a cage", code->arch, m->name, prog);
}

static void check_program(struct moat_program *prog, const char *arch, const struct mode *m)
{
	MOAT_RUN_OPTS(run);
	struct moat_code code, again, none;
	const char *name = moat_program__name(prog);
	int err;

	object_quiet();
	err = moat_program__emit(prog, arch, &code);
	if (!strcmp(arch, "arm64") && m->form == 2) {
		CHECK(err == -EOPNOTSUPP && strstr(object_said, "segment") && !code.code, "%d: %s", err, object_said);
		return;
	}
	if (!CHECK(!err, "%s %s %s: %d: %s", arch, m->name, name, err, object_said))
		return;
	CHECK(code.bytes && !strcmp(code.arch, arch) && code.nr_slots == moat_program__insn_cnt(prog), "%s", name);
	check_tables(&code, m, name);
	if (CHECK(!moat_program__emit(prog, arch, &again), "%s", name)) {
		CHECK(again.bytes == code.bytes && again.address == code.address &&
		      !memcmp(again.code, code.code, code.bytes), "%s %s %s: the same twice", arch, m->name, name);
		moat_code__free(&again);
	}
	moat_code__free(&code);
	CHECK(!code.code && !code.bytes && !code.nr_marks, "freed");
	CHECK(moat_program__run_opts(prog, &run) == -EINVAL, "%s must not run", name);
	CHECK(moat_program__code(prog, &none) == -ENOENT, "%s has no code that runs", name);
}

static void check_object(const char *object, const struct mode *m)
{
	MOAT_OPEN_OPTS(opts, .mode = m->mode, .base_form = m->form, .emit_only = true);
	struct moat_object *obj = moat_object__open_file(object_path(object), &opts);
	struct moat_program *prog = NULL;
	struct moat_code code;
	int err;

	if (!CHECK(obj, "%s: %s", object, object_said))
		return;
	prog = moat_object__next_program(obj, NULL);
	CHECK(moat_program__emit(prog, "x86", &code) == -ENOENT && !code.code, "%s: before load", object);
	err = moat_object__load(obj);
	if (CHECK(!err, "%s %s: %d: %s", object, m->name, err, object_said)) {
		CHECK(moat_program__emit(prog, "sparc", &code) == -EINVAL && strstr(object_said, "arm64"), "%s", object_said);
		for (prog = NULL; (prog = moat_object__next_program(obj, prog));) {
			check_program(prog, "x86", m);
			check_program(prog, "arm64", m);
		}
	}
	moat_object__close(obj);
}

/* What is emitted for this machine is what it runs, but for addresses. */
static void check_native(const char *object, const struct mode *m)
{
	struct moat_object *obj = object_load(m, object, NULL);
	struct moat_program *prog = NULL;
	struct moat_code runs, looks;

	while (obj && (prog = moat_object__next_program(obj, prog))) {
		if (!CHECK(!moat_program__code(prog, &runs) && !moat_program__emit(prog, NULL, &looks), "%s", object_said))
			continue;
		CHECK(!strcmp(runs.arch, looks.arch) && runs.bytes == looks.bytes && runs.nr_traps == looks.nr_traps &&
		      runs.nr_marks == looks.nr_marks &&
		      !memcmp(runs.slot, looks.slot, (runs.nr_slots + 1) * sizeof(*runs.slot)) &&
		      !memcmp(runs.marks, looks.marks, runs.nr_marks * sizeof(*runs.marks)),
		      "%s %s: %u bytes, %u run", m->name, moat_program__name(prog), looks.bytes, runs.bytes);
		moat_code__free(&looks);
	}
	moat_object__close(obj);
}

/* Programs are validated when they are emitted. */
static void check_refused(void)
{
	static const struct bpf_insn open_end[] = { MOV_K(0, 0) };
	MOAT_OPEN_OPTS(opts, .mode = MOAT_MODE_BASEREG, .emit_only = true);
	struct moat_object *obj = moat_object__open_insns(open_end, 1, &opts);
	struct moat_code code;

	object_quiet();
	if (CHECK(obj && !moat_object__load(obj), "%s", object_said))
		CHECK(moat_program__emit(moat_object__next_program(obj, NULL), "arm64", &code) == -EINVAL && *object_said,
		      "no exit: %s", object_said);
	moat_object__close(obj);
}

int main(int argc, char **argv)
{
	static const char *const objects[] = { "calls", "data", "helpers", "maps", "text" };
	unsigned int i, k;

	objects_init(argv[0]);
	modes_init(NULL);
	object_quiet();
	for (i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		for (k = 0; k < sizeof(forms) / sizeof(forms[0]); k++)
			check_object(objects[i], &forms[k]);
		for (k = 0; k < nr_modes; k++)
			if (!modes[k].cpu)
				check_native(objects[i], &modes[k]);
	}
	check_refused();
	return check_done();
}
