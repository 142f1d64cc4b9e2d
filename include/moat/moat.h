/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * libmoat: run BPF objects in this process, confined.
 *
 * In the manner of libbpf: functions return 0 or a negative errno (never -1),
 * pointers are NULL with errno set on failure, option structs begin with
 * their own size and may grow.  Messages go to the callback set by
 * moat_set_print().  All functions may be called from any thread; runs of one
 * program may go on in many threads at once.  Closing an object waits for
 * the runs of its programs.
 *
 * A thread that runs programs gets, on its first run and until it ends, a
 * signal stack if it has none, and SIGSEGV, SIGBUS and SIGILL unblocked: keep
 * them so.  In the pku modes it also loses its registration for restartable
 * sequences (rseq), which the kernel could not serve while a program runs.
 * Programs' memory and code are shared with a child of fork(): only one of the
 * two processes may go on using the library.
 *
 * An instruction set reference is RFC 9669; contexts are those of
 * <linux/bpf.h> (struct xdp_md, struct __sk_buff).
 */
#ifndef MOAT_H
#define MOAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/bpf.h>
#include <moat/audit.h>
#include <moat/code.h>
#include <moat/isolation.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MOAT_VERSION	"0.1.0"
#define MOAT_API	__attribute__((visibility("default")))

struct moat_object;
struct moat_program;
struct moat_map;
struct moat_run;
struct moat_ring_buffer;

/* Library ---------------------------------------------------------------- */

enum moat_print_level { MOAT_WARN, MOAT_INFO, MOAT_DEBUG };
typedef void (*moat_print_fn)(enum moat_print_level level, const char *text);

/* Where messages go; NULL: nowhere. The default prints MOAT_WARN to stderr. @text ends without '\n'. */
MOAT_API moat_print_fn moat_set_print(moat_print_fn fn);

MOAT_API const char *moat_version(void);
MOAT_API const char *moat_mode_name(enum moat_mode mode);		/* "pku+basereg" */
MOAT_API int moat_mode_parse(const char *name, enum moat_mode *mode);	/* 0 or -EINVAL */
MOAT_API const char *moat_fault_name(enum moat_fault_kind kind);	/* "cage" */

/*
 * Whether @mode is enforced here.  A mode counts only after it proved itself:
 * a probe run in it made an access that must fault, and did.  0, or
 * -EOPNOTSUPP with the reason in *@why (a static string; @why may be NULL).
 */
MOAT_API int moat_mode_enforced(enum moat_mode mode, const char **why);

/* The strongest enforced mode. */
MOAT_API enum moat_mode moat_mode_best(void);

/* What this machine can do, for people and programs. */
struct moat_feature {
	const char *name;	/* "pku", "fsgsbase", "low memory", ... */
	bool present;
	const char *detail;	/* why not, or what exactly; static string */
};
MOAT_API size_t moat_features(const struct moat_feature **features);

/* How many CPUs per-CPU maps have values for.  A thread that runs programs is one of them while it lives. */
MOAT_API int moat_num_possible_cpus(void);

/* Objects ---------------------------------------------------------------- */

struct moat_open_opts {
	size_t sz;
	const char *name;		/* for messages; default: file name */
	enum moat_mode mode;		/* 0 is MOAT_MODE_AUTO */
	__u8 base_form;			/* 0: chosen per program; 1: register; 2: segment */
	const struct moat_helper *helpers;	/* the host's own, added to the built-in ones; kept by reference */
	size_t nr_helpers;
	bool emit_only;			/* load for moat_program__emit(): the mode need not be enforced, programs cannot run */
	/*
	 * Do not meter loops and calls, for bytecode that a verifier found to end: a run takes the
	 * time that it takes, and one that does not end keeps its thread.
	 */
	bool unmetered;
	bool blind;			/* constant blinding: what programs say of numbers does not stand in their code as it is */
	bool verify;			/* prove of each image that it confines itself (debug builds always do), or fail to load */
};
#define MOAT_OPEN_OPTS(var, ...) \
	struct moat_open_opts var = { .sz = sizeof(var), __VA_ARGS__ }

MOAT_API struct moat_object *moat_object__open_file(const char *path, const struct moat_open_opts *opts);
MOAT_API struct moat_object *moat_object__open_mem(const void *elf, size_t bytes, const struct moat_open_opts *opts);
/*
 * An object with one program from raw instructions, type BPF_PROG_TYPE_UNSPEC
 * (a plain program over a buffer).  Pseudo-instructions that need an ELF
 * object (map and data addresses) are refused.
 */
MOAT_API struct moat_object *moat_object__open_insns(const struct bpf_insn *insns, size_t nr,
						     const struct moat_open_opts *opts);

/* Create the maps, compile every program that autoload is on for. */
MOAT_API int moat_object__load(struct moat_object *obj);
/* Waits until no run of its programs is under way; never call it from a helper. */
MOAT_API void moat_object__close(struct moat_object *obj);

MOAT_API const char *moat_object__name(const struct moat_object *obj);
MOAT_API enum moat_mode moat_object__mode(const struct moat_object *obj);
MOAT_API struct moat_program *moat_object__find_program_by_name(const struct moat_object *obj, const char *name);
MOAT_API struct moat_map *moat_object__find_map_by_name(const struct moat_object *obj, const char *name);
/* Iterate; NULL starts, NULL ends. */
MOAT_API struct moat_program *moat_object__next_program(const struct moat_object *obj, struct moat_program *prev);
MOAT_API struct moat_map *moat_object__next_map(const struct moat_object *obj, struct moat_map *prev);

/* Programs --------------------------------------------------------------- */

MOAT_API const char *moat_program__name(const struct moat_program *prog);
MOAT_API const char *moat_program__section_name(const struct moat_program *prog);
MOAT_API enum bpf_prog_type moat_program__type(const struct moat_program *prog);
MOAT_API int moat_program__set_type(struct moat_program *prog, enum bpf_prog_type type);	/* before load */
MOAT_API int moat_program__set_autoload(struct moat_program *prog, bool autoload);	/* before load */
MOAT_API const struct bpf_insn *moat_program__insns(const struct moat_program *prog);	/* relocated, after load */
MOAT_API size_t moat_program__insn_cnt(const struct moat_program *prog);

/* What ended a run. */
struct moat_fault {
	enum moat_fault_kind kind;
	__u32 insn;		/* BPF instruction index in the program */
	__u64 address;		/* CAGE, KEY: what it tried to reach, an offset in base-register modes; AUDIT: the argument */
	int arg;		/* AUDIT: argument number 1..5 */
	__s32 helper;		/* AUDIT: helper number */
	bool write;		/* CAGE, KEY */
	const char *file;	/* source, or NULL without BTF; valid while the object is open */
	__u32 line;
	const char *text;	/* the source line, or NULL */
	const char *reason;	/* AUDIT, TRAP: a static string */
	const char *proved;	/* AUDIT: what was proved of the argument when the program was loaded, or NULL; valid as @text is */
};

/*
 * One or more runs.  As struct bpf_test_run_opts where the names agree.
 *
 * Packet programs (socket filter, XDP, tc) need data_in, 14 bytes at least;
 * the packet starts there, at its Ethernet header, for all of them.  ctx_in
 * may give a struct xdp_md or __sk_buff whose plain fields are taken over;
 * what the packet says (len, protocol, data, ...) comes from the packet.
 * ctx_out gets the fields that the kernel lets such a program change, and for
 * XDP the new length in data_end; the others come back as given.  Programs
 * with a flat context (tracepoint, raw tracepoint, perf event, ...) take
 * ctx_in.  Plain programs get R1 = address and R2 = length of data_in.
 * Between repeated runs data and context are laid anew.
 */
struct moat_run_opts {
	size_t sz;
	const void *data_in;
	void *data_out;
	__u32 data_size_in;
	__u32 data_size_out;	/* in: room; out: bytes that there were */
	const void *ctx_in;
	void *ctx_out;
	__u32 ctx_size_in;
	__u32 ctx_size_out;	/* in: room; out: bytes that there were */
	__u64 retval;		/* out: R0; XDP, tc and socket filter: its low 32 bits */
	__u32 repeat;		/* 0 is 1 */
	__u32 duration;		/* out: ns per run, the average */
	__u64 fuel;		/* per run; 0: the default, 2^32 */
	struct moat_fault fault;	/* out: when -EFAULT or -ETIME is returned */
	void *user;		/* for the host's helpers: moat_run__user() */
};
#define MOAT_RUN_OPTS(var, ...) \
	struct moat_run_opts var = { .sz = sizeof(var), __VA_ARGS__ }

/*
 * 0; -EFAULT: ended by a violation, -ETIME: out of fuel, both told in
 * opts->fault; -EBUSY: too many threads or nested runs; -EINVAL: input that
 * this type of program cannot have; -ENOSPC: data_out or ctx_out too small.
 */
MOAT_API int moat_program__run_opts(struct moat_program *prog, struct moat_run_opts *opts);

/*
 * The short form for data planes: one run over a packet (in place: changes
 * and a moved start or end are written back only if the program changed the
 * packet and @data is not const for you; *@len is updated).  Returns R0, or
 * a negative errno as above; -ENOSPC: the packet grew beyond *@len, and
 * neither @data nor *@len was changed.
 */
MOAT_API __s64 moat_program__run_packet(struct moat_program *prog, void *data, __u32 *len);

/* Write "prog: cage fault at insn 7 (fw.bpf.c:31: ...): write of 0x1000" to @buf. Returns @buf. */
MOAT_API const char *moat_fault__text(const struct moat_fault *fault, char *buf, size_t size);

/* For helpers of the host, called from within a run. */
MOAT_API void *moat_run__user(struct moat_run *run);
MOAT_API struct moat_program *moat_run__program(struct moat_run *run);

/* Code of a loaded program, for dumps and checks. */
struct moat_code {
	const void *code;	/* readable bytes, as they run */
	__u32 bytes;
	__u64 address;
	const char *arch;	/* "x86", "arm64" */
	__u32 nr_slots;
	const __u32 *slot;	/* nr_slots + 1 code offsets, one per BPF slot, and the end of the last */
	__u32 nr_marks;
	const struct moat_mark *marks;	/* labelled stretches by start */
	__u32 nr_traps;
	const struct moat_trap *traps;
	__u32 nr_gates;		/* helper calls whose audit was checked with the code, if the object's images are checked */
};
MOAT_API int moat_program__code(const struct moat_program *prog, struct moat_code *code);
/*
 * Code for @arch, "x86" or "arm64" (NULL: this machine's), in the object's mode
 * and base form, whether or not this machine could run it.  It is not put where
 * it could: addresses of the host, keys and, for the other architecture, the
 * CPU's features are assumed, always the same.  (In mode none the addresses of
 * maps are those of this process.)  After load; with emit_only programs are
 * validated here.  0 and @code, for moat_code__free(); -EINVAL: no such
 * architecture, or a program that is refused; -EOPNOTSUPP: @arch has no such
 * mode or form (segment is x86's); -ENOENT: not loaded.
 */
MOAT_API int moat_program__emit(struct moat_program *prog, const char *arch, struct moat_code *code);
/* Release what moat_program__emit() gave; not for moat_program__code(). */
MOAT_API void moat_code__free(struct moat_code *code);
/*
 * What the gate does at each call of a helper, by instruction: *@nr records in
 * *@calls, for free().  After load.  0; -EOPNOTSUPP: mode none audits nothing;
 * -ENOENT: not loaded; -ENOMEM.
 */
MOAT_API int moat_program__audit(const struct moat_program *prog, struct moat_call_audit **calls, __u32 *nr);
/* The same in words, for one argument: "map flows", "1..64".  Returns @buf. */
MOAT_API const char *moat_program__audit_text(const struct moat_program *prog, const struct moat_arg_audit *arg,
					      char *buf, size_t size);
/* The prototype of helper @id, of the host or built in; NULL: this program has no such helper. */
MOAT_API const struct moat_helper *moat_program__helper(const struct moat_program *prog, __s32 id);
/* Name of a label kind: "enter gate", "cage", ... */
MOAT_API const char *moat_mark_name(unsigned int kind);

struct moat_line {
	__u32 insn, line, column;
	const char *file, *text;	/* owned by the object */
};
/* Source of BPF slot @insn, or -ENOENT. */
MOAT_API int moat_program__line(const struct moat_program *prog, __u32 insn, struct moat_line *line);

struct moat_program_stats {
	size_t sz;
	__u64 runs, faults, busy;	/* busy: runs refused because a stack pool was exhausted */
	__u32 insns, code_bytes;
	__u64 compile_ns;
};
MOAT_API int moat_program__stats(const struct moat_program *prog, struct moat_program_stats *stats);

/*
 * A host that installs its own handlers for SIGSEGV, SIGBUS or SIGILL after
 * the first load calls this first in them: it does not return if the signal
 * belongs to a run, and returns false if it is the host's own.
 */
MOAT_API bool moat_handle_signal(int sig, void *siginfo, void *ucontext);

/* Maps ------------------------------------------------------------------- */

MOAT_API const char *moat_map__name(const struct moat_map *map);
MOAT_API enum bpf_map_type moat_map__type(const struct moat_map *map);
MOAT_API __u32 moat_map__key_size(const struct moat_map *map);
MOAT_API __u32 moat_map__value_size(const struct moat_map *map);
MOAT_API __u32 moat_map__max_entries(const struct moat_map *map);
MOAT_API int moat_map__set_max_entries(struct moat_map *map, __u32 max_entries);	/* before load */

/*
 * Sizes must be exact.  Per-CPU maps take and give moat_num_possible_cpus()
 * values of value_size rounded up to 8.  @flags: BPF_ANY, BPF_NOEXIST,
 * BPF_EXIST.  0, -ENOENT, -EEXIST, -E2BIG (full), -EINVAL, -EOPNOTSUPP.
 */
MOAT_API int moat_map__lookup_elem(const struct moat_map *map, const void *key, size_t key_sz,
				   void *value, size_t value_sz, __u64 flags);
MOAT_API int moat_map__update_elem(const struct moat_map *map, const void *key, size_t key_sz,
				   const void *value, size_t value_sz, __u64 flags);
MOAT_API int moat_map__delete_elem(const struct moat_map *map, const void *key, size_t key_sz, __u64 flags);
/* @cur NULL: the first key. -ENOENT after the last. */
MOAT_API int moat_map__get_next_key(const struct moat_map *map, const void *cur, void *next, size_t key_sz);

/*
 * Program arrays and maps of maps, of loaded programs and created maps of the
 * same object.  NULL removes.  Setting an inner map waits for the runs under
 * way that may use the one that was there: -EBUSY from within a run.
 */
MOAT_API int moat_map__set_program(struct moat_map *map, __u32 index, struct moat_program *prog);
MOAT_API int moat_map__set_inner(struct moat_map *map, const void *key, size_t key_sz, struct moat_map *inner);
/* A new map of the kind that @outer holds, owned by its object.  NULL, errno: also EBUSY, from within a run. */
MOAT_API struct moat_map *moat_map__new_inner(struct moat_map *outer, const char *name);

/* Ring buffers, in the manner of libbpf.  The callback ends consuming when it returns < 0. */
typedef int (*moat_ring_sample_fn)(void *ctx, void *data, size_t size);
MOAT_API struct moat_ring_buffer *moat_ring_buffer__new(struct moat_map *map, moat_ring_sample_fn fn, void *ctx);
MOAT_API int moat_ring_buffer__consume(struct moat_ring_buffer *rb);	/* records consumed, or what the callback returned */
MOAT_API int moat_ring_buffer__poll(struct moat_ring_buffer *rb, int timeout_ms);
MOAT_API int moat_ring_buffer__epoll_fd(const struct moat_ring_buffer *rb);	/* readable when there are records */
MOAT_API void moat_ring_buffer__free(struct moat_ring_buffer *rb);

#ifdef __cplusplus
}
#endif

#endif
