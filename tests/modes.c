/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every way in which this machine can run a program, through the public API. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "insns.h"
#include "modes.h"

struct mode modes[MODES_MAX];
unsigned int nr_modes;
char mode_said[512];

static const struct mode all[] = {
	{ "none", MOAT_MODE_NONE },
	{ "none/cpu=0", MOAT_MODE_NONE, .cpu = "0" },
	{ "none/blind", MOAT_MODE_NONE, .blind = true },
	{ "basereg/register", MOAT_MODE_BASEREG, 1 },
	{ "basereg/register/cpu=0", MOAT_MODE_BASEREG, 1, .cpu = "0" },
	{ "basereg/register/blind", MOAT_MODE_BASEREG, 1, .blind = true },
#if defined(__x86_64__)
	{ "basereg/segment", MOAT_MODE_BASEREG, 2 },
	{ "basereg/segment/blind", MOAT_MODE_BASEREG, 2, .blind = true },
	{ "pku", MOAT_MODE_PKU },
	{ "pku+basereg/register", MOAT_MODE_PKU_BASEREG, 1 },
	{ "pku+basereg/register/blind", MOAT_MODE_PKU_BASEREG, 1, .blind = true },
	{ "pku+basereg/segment", MOAT_MODE_PKU_BASEREG, 2 },
#elif defined(__aarch64__)
	{ "poe", MOAT_MODE_PKU },
	{ "poe+basereg", MOAT_MODE_PKU_BASEREG, 1 },
#endif
};

static void remember(enum moat_print_level level, const char *text)
{
	if (level == MOAT_WARN && !mode_said[0])
		snprintf(mode_said, sizeof(mode_said), "%s", text);
}

void modes_init(const char *only)
{
	static const struct bpf_insn nothing[] = { MOV_K(0, 0), EXIT };
	unsigned int i;

	moat_set_print(remember);
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		const char *why = NULL;
		struct moat_object *obj;

		if (only && strncmp(all[i].name, only, strlen(only)))
			continue;
		if (moat_mode_enforced(all[i].mode, &why)) {
			SKIP(all[i].name, why ? why : "no reason given");
			continue;
		}
		obj = mode_load(&all[i], nothing, 2, BPF_PROG_TYPE_UNSPEC, NULL);
		if (!obj && errno == EOPNOTSUPP) {
			SKIP(all[i].name, mode_said);
			continue;
		}
		CHECK(obj, "%s: the smallest program: errno %d, '%s'", all[i].name, errno, mode_said);
		moat_object__close(obj);
		modes[nr_modes++] = all[i];
	}
	CHECK(nr_modes || only, "there is no mode at all");
}

struct moat_object *mode_load(const struct mode *m, const struct bpf_insn *insn, size_t nr,
			      enum bpf_prog_type type, const struct moat_helper *helpers)
{
	MOAT_OPEN_OPTS(opts, .base_form = m->form, .blind = m->blind, .helpers = helpers);
	struct moat_object *obj;
	int err = 0;

	opts.mode = m->mode;
	while (helpers && helpers[opts.nr_helpers].id)
		opts.nr_helpers++;
	mode_said[0] = '\0';
	if (m->cpu)
		setenv("MOAT_CPU", m->cpu, 1);
	obj = moat_object__open_insns(insn, nr, &opts);
	if (obj && type != BPF_PROG_TYPE_UNSPEC)
		err = moat_program__set_type(moat_object__next_program(obj, NULL), type);
	if (obj && !err)
		err = moat_object__load(obj);
	unsetenv("MOAT_CPU");
	if (obj && err) {
		moat_object__close(obj);
		errno = -err;
		obj = NULL;
	}
	return obj;
}
