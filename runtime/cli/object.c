/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Objects: opened with messages for people, programs found by name, names of types and verdicts. */
#include <elf.h>
#include <linux/pkt_cls.h>
#include "cli.h"

/* What is wrong with a file that cannot be opened as a BPF object, in the user's words. */
static bool looks_like_bpf(const char *path)
{
	Elf64_Ehdr head = { 0 };
	FILE *f = fopen(path, "rb");
	size_t n;

	if (!f) {
		cli_error("%s: %s", path, strerror(errno));
		return false;
	}
	errno = 0;
	n = fread(&head, 1, sizeof(head), f);
	if (ferror(f)) {
		cli_error("%s: %s", path, strerror(errno ? errno : EIO));
		fclose(f);
		return false;
	}
	fclose(f);
	if (n < sizeof(head) || memcmp(head.e_ident, ELFMAG, SELFMAG)) {
		cli_error("%s: not an ELF file; moat runs what 'clang -target bpf -O2 -g -c' makes", path);
		return false;
	}
	if (head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_ident[EI_DATA] != ELFDATA2LSB ||
	    head.e_machine != EM_BPF) {
		cli_error("%s: an ELF file for machine %u, not for little-endian BPF; compile with 'clang -target bpf'",
			  path, head.e_machine);
		return false;
	}
	if (head.e_type != ET_REL) {
		cli_error("%s: not a relocatable object; compile with 'clang -c' and do not link", path);
		return false;
	}
	return true;
}

struct moat_object *cli_open(const char *path, const struct moat_open_opts *opts)
{
	struct moat_object *obj;
	const char *why = NULL;

	if (!looks_like_bpf(path))
		return NULL;
	if (opts->mode != MOAT_MODE_AUTO && !opts->emit_only && moat_mode_enforced(opts->mode, &why)) {
		cli_error("isolation %s is not enforced here: %s", moat_mode_name(opts->mode), why ? why : "not available");
		return NULL;
	}
	obj = moat_object__open_file(path, opts);
	if (!obj) {
		cli_error("%s: cannot open the object: %s", path, strerror(errno));
		return NULL;
	}
	if (!moat_object__next_program(obj, NULL)) {
		cli_error("%s: has no program; a program is a function in a section such as \"xdp\" or \"socket\"", path);
		moat_object__close(obj);
		return NULL;
	}
	return obj;
}

int cli_load(struct moat_object *obj)
{
	int err = moat_object__load(obj);

	if (err)
		return cli_error("%s: cannot load: %s", moat_object__name(obj), strerror(-err));
	return CLI_OK;
}

/* "name (section), ..." of every program, as far as it fits. */
static void list_programs(struct moat_object *obj, char *text, size_t size)
{
	struct moat_program *p = NULL;
	size_t len = 0;

	text[0] = 0;
	while ((p = moat_object__next_program(obj, p)) && len < size)
		len += snprintf(text + len, size - len, "%s%s (%s)", len ? ", " : "",
				moat_program__name(p), moat_program__section_name(p));
}

struct moat_program *cli_program(struct moat_object *obj, const char *name)
{
	struct moat_program *first = moat_object__next_program(obj, NULL), *found;
	char names[800];

	list_programs(obj, names, sizeof(names));
	if (name) {
		found = moat_object__find_program_by_name(obj, name);
		if (!found)
			cli_error("%s: no program '%s'; there are: %s", moat_object__name(obj), name, names);
		return found;
	}
	if (first && moat_object__next_program(obj, first)) {
		cli_error("%s: several programs, choose one with -p: %s", moat_object__name(obj), names);
		return NULL;
	}
	return first;
}

void cli_tell_auto(const struct moat_object *obj)
{
	enum moat_mode got = moat_object__mode(obj);
	const char *why;
	int m;

	cli_note("isolation: %s, the strongest mode enforced here", moat_mode_name(got));
	for (m = MOAT_NR_MODES - 1; m > MOAT_MODE_NONE; m--) {
		why = NULL;
		if (m != (int)got && moat_mode_enforced(m, &why))
			cli_note("isolation: %s is not enforced: %s", moat_mode_name(m), why ? why : "not available");
	}
}

const char *cli_type_name(enum bpf_prog_type type)
{
	static const char *const names[] = {
		[BPF_PROG_TYPE_UNSPEC] = "plain",
		[BPF_PROG_TYPE_SOCKET_FILTER] = "socket_filter",
		[BPF_PROG_TYPE_KPROBE] = "kprobe",
		[BPF_PROG_TYPE_SCHED_CLS] = "sched_cls",
		[BPF_PROG_TYPE_SCHED_ACT] = "sched_act",
		[BPF_PROG_TYPE_TRACEPOINT] = "tracepoint",
		[BPF_PROG_TYPE_XDP] = "xdp",
		[BPF_PROG_TYPE_PERF_EVENT] = "perf_event",
		[BPF_PROG_TYPE_RAW_TRACEPOINT] = "raw_tracepoint",
	};

	return type < ARRAY_SIZE(names) ? names[type] : NULL;
}

bool cli_is_packet_type(enum bpf_prog_type type)
{
	return type == BPF_PROG_TYPE_SOCKET_FILTER || type == BPF_PROG_TYPE_XDP ||
	       type == BPF_PROG_TYPE_SCHED_CLS || type == BPF_PROG_TYPE_SCHED_ACT;
}

const char *cli_verdict(enum bpf_prog_type type, u64 retval)
{
	static const char *const xdp[] = {
		[XDP_ABORTED] = "XDP_ABORTED", [XDP_DROP] = "XDP_DROP", [XDP_PASS] = "XDP_PASS",
		[XDP_TX] = "XDP_TX", [XDP_REDIRECT] = "XDP_REDIRECT",
	};
	static const char *const tc[] = {
		[TC_ACT_OK] = "TC_ACT_OK", [TC_ACT_RECLASSIFY] = "TC_ACT_RECLASSIFY",
		[TC_ACT_SHOT] = "TC_ACT_SHOT", [TC_ACT_PIPE] = "TC_ACT_PIPE",
		[TC_ACT_STOLEN] = "TC_ACT_STOLEN", [TC_ACT_QUEUED] = "TC_ACT_QUEUED",
		[TC_ACT_REPEAT] = "TC_ACT_REPEAT", [TC_ACT_REDIRECT] = "TC_ACT_REDIRECT",
		[TC_ACT_TRAP] = "TC_ACT_TRAP",
	};

	if (type == BPF_PROG_TYPE_SOCKET_FILTER)
		return retval ? "keep" : "drop";
	if (type == BPF_PROG_TYPE_XDP)
		return retval < ARRAY_SIZE(xdp) ? xdp[retval] : NULL;
	if (type != BPF_PROG_TYPE_SCHED_CLS && type != BPF_PROG_TYPE_SCHED_ACT)
		return NULL;
	if ((u32)retval == (u32)TC_ACT_UNSPEC)
		return "TC_ACT_UNSPEC";
	return retval < ARRAY_SIZE(tc) ? tc[retval] : NULL;
}
