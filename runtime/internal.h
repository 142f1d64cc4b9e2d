/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The user-space host, inside: heap, domains, images, runs, maps.
 *
 * Everything here lies in ordinary host memory.  Only bytes that programs may
 * touch (stacks, views, map values, ring-buffer data) come from the heap, and
 * nothing that the host decides by is read from there.
 */
#ifndef MOAT_INTERNAL_H
#define MOAT_INTERNAL_H

#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <moat/moat.h>
#include "../jit/jit.h"
#include "../jit/arch.h"
#include "../jit/bits.h"
#include "../jit/run.h"

#define MOAT_MAX_CPUS		64	/* threads that may run programs at the same time */
#define MOAT_ALL_CPUS		(~0u)
#define MOAT_MAX_NESTING	4	/* runs of one domain inside each other, per thread */
#define MOAT_MAX_TAIL_CALLS	33	/* as the kernel's */
#define MOAT_MAX_ISSUED		16	/* objects that a run may hold at once */
#define MOAT_MAX_MAPS		1024	/* maps that a domain may name */
#define MOAT_DEFAULT_FUEL	(1ull << 32)
#if defined(__x86_64__)
#define MOAT_DEFAULT_PKRU	0x55555554u	/* Linux's: only key 0 is open */
#else
#define MOAT_DEFAULT_PKRU	0x7u		/* POR_EL0, Linux's: key 0 may read, write and execute */
#endif

/* This machine (cpu.c). The environment variable MOAT_CPU masks feature bits, for tests. */
const struct moat_arch *moat_native(void);
u32 moat_cpu(void);
u32 moat_cpu_of(const struct moat_arch *arch);	/* this CPU's, or what current CPUs of another architecture have */
int moat_code_rights(void);	/* what code memory is mapped with: PROT_... */

/* Messages (log.c) */
__printf(2, 3) void moat_print(enum moat_print_level level, const char *fmt, ...);

/*
 * The heap (heap.c): one memfd of 4 GiB, sparse.  @host maps all of it for the
 * host, 4 GiB aligned, with key 0: the host reads and writes values there,
 * whatever rights a thread has.  Where low memory is free, the range
 * [lo, hi) of the address space is the home of the same offsets: there a heap
 * address is its own offset (modes none and pku).
 */
struct moat_heap {
	int fd;
	u8 *host;
	u32 page;	/* page size */
	u64 lo, hi;	/* home; lo == hi: there is none */
};
extern struct moat_heap moat_heap;

/* Guards the tables of heap, cages, code, images and CPU numbers: one lock, so that fork() can hold it. */
extern pthread_mutex_t moat_lock;

int moat_heap_init(void);	/* once; idempotent, thread-safe */
const char *moat_heap_why(void);	/* why there is no home; NULL: there is one */
/*
 * @bytes (rounded up to pages) of zeroed heap, followed by at least one page
 * that is never given out.  In the home if there is one and it has room.
 * -ENOMEM.  Reachable through the alias only, until granted or given a home.
 */
int moat_heap_alloc(size_t bytes, u32 *off);
void moat_heap_free(u32 off, size_t bytes);	/* no cage maps it any more; pages are zeroed */
/*
 * Make pages reachable at their home address, with a key (-1: none), or
 * unreachable again (rights 0).  Counted: what several domains made reachable
 * stays so until the last takes it back.  -EOPNOTSUPP: they have no home;
 * -EBUSY: reachable with another key.
 */
int moat_heap_home(u32 off, size_t bytes, u8 rights, int key);
int moat_heap_detach(void);	/* in the child of fork(): new, private pages, all zero */

/* Cages (cage.c): 4 GiB aligned ranges of 4 GiB in which nothing is mapped, with an unmapped page behind. */
u64 moat_cage_alloc(void);	/* 0: no address space */
void moat_cage_free(u64 cage);	/* unmaps all */
/* Map heap pages at their offset, with a key (-1: none); rights 0 unmaps. */
int moat_cage_map(u64 cage, u32 off, size_t bytes, u8 rights, int key);

static inline void *moat_host(u32 off)
{
	return moat_heap.host + off;
}

/* The offset of a pointer made by moat_host(). @host is 4 GiB aligned. */
static inline u32 moat_offset(const void *p)
{
	return (u32)(uintptr_t)p;
}

/* Keys (keys.c) */
int moat_key_alloc(void);	/* a key that every thread has closed, or -ENOSPC, -EOPNOTSUPP */
void moat_key_free(int key);
u32 moat_rdpkru(void);
void moat_wrpkru(u32 value);
u32 moat_key_rights(int key);	/* of a domain: its key open, the host's closed */
bool moat_have_pku(const char **why);	/* the CPU and the kernel have it; not yet: it is enforced */

/* Code memory (code.c): mapped read and execute, written through the file descriptor: never writable. */
int moat_code_init(void);
int moat_code_alloc(u32 bytes, u64 *pc);	/* within reach (rel32) of libmoat's own functions where possible */
int moat_code_write(u64 pc, const u8 *from, u32 bytes);
void moat_code_free(u64 pc, u32 bytes);	/* filled with traps */
int moat_code_detach(void);		/* in the child of fork(): empty, private code memory */
bool moat_code_range(u64 *start, u64 *end);	/* where code may lie; false: nowhere yet. Async-signal-safe */

/* A loaded program's machine code (image.c). */
struct moat_image {
	struct moat_program *prog;
	u64 pc;			/* where it runs; also the main entry */
	u32 bytes;		/* allocated */
	u32 len;		/* BPF slots */
	u32 *slot;		/* len + 1 code offsets */
	struct moat_site *site;
	struct moat_call_gate *gate;	/* by site (gate.h); packet loads have none, nor has mode none */
	struct moat_call_audit *record;	/* what the gates were made from, by pc */
	u32 nr_record;
	u32 nr_checked;		/* gates that were checked when they had been made */
	u32 nr_site;
	struct moat_trap *trap;
	u32 nr_trap;
	struct moat_mark *mark;
	u32 nr_mark;
	struct { u32 pc, at; } *callback;	/* BPF slot (the handle) and code offset of its entry, sorted by pc */
	u32 nr_callback;
	bool uses_segment;	/* sets the segment base */
	bool writes;		/* may change the packet view: stores outside its frame, or calls what does */
};
/* compile.c: copy what outlives the workspace, make the gates of img->prog, and check them if @jit asks for checks. */
int moat_image_keep(struct moat_image *img, const struct moat *jit);
void moat_image_free(struct moat_image *img);
void moat_image_publish(struct moat_image *img);	/* so that faults in it are ours */
void moat_image_retract(struct moat_image *img);
struct moat_image *moat_image_at(u64 pc);		/* async-signal-safe; NULL: not our code */
u64 moat_image_callback(const struct moat_image *img, u64 handle);	/* address to call, or 0 */

/*
 * Domains (domain.c).  What belongs to a domain is what was granted: mapped at
 * its offset in the cage (base-register modes), keyed in the home (pku) or
 * just there (none).
 */
struct moat_region {
	u32 start, end;		/* offsets [start, end) */
	u8 rights;
	const char *name;
};

/* One version of a domain's region table: sorted, never changed. */
struct moat_regions {
	struct moat_regions *retired;	/* older version that may still be read */
	u32 nr;
	struct moat_region region[];
};

/* Memory of one running instance: stack, context view, packet view, in one piece of heap. */
struct moat_slot_mem {
	u32 off;			/* of the piece */
	bool busy;			/* only its own thread looks */
	struct moat_slot_mem *deeper;	/* for a run inside a run */
};
#define MOAT_VIEW_CTX		MOAT_STACK_BYTES	/* offset of the context view in the piece */
#define MOAT_CTX_BYTES		8192
#define MOAT_VIEW_PACKET	(MOAT_VIEW_CTX + MOAT_CTX_BYTES)
#define MOAT_PACKET_BYTES	(96 * 1024)
#define MOAT_HEADROOM		256
#define MOAT_SLOT_BYTES		(MOAT_VIEW_PACKET + MOAT_PACKET_BYTES)

struct moat_domain {
	enum moat_mode mode;
	bool gates, basereg;
	bool sketch;		/* only for code that is looked at */
	u64 cage;		/* 0: no base register */
	int key;		/* -1: no gates; pku+basereg: one key for all domains */
	u32 host_pkru, domain_pkru;
	pthread_mutex_t lock;	/* of granting; never held while waiting for runs */
	pthread_mutex_t revoking;	/* taken before lock; held while waiting for runs */
	struct moat_regions *regions;	/* granted; read under RCU; NULL: nothing */
	bool entered;			/* a run has been in here: there may be readers */
	_Atomic u32 nr_map;		/* handles ever given: the rest of @map is NULL */
	_Atomic(struct moat_map *) map[MOAT_MAX_MAPS];	/* what a map handle names: handle = (index + 1) * 8 */
	struct moat_slot_mem *_Atomic slot[MOAT_MAX_CPUS];
	_Atomic u64 busy;	/* runs refused: no stack */
};
struct moat_domain *moat_domain_new(enum moat_mode mode);	/* NULL, errno: -EOPNOTSUPP, -ENOSPC (keys), -ENOMEM */
struct moat_domain *moat_domain_sketch(enum moat_mode mode);	/* of any mode, never entered: maps nothing */
void moat_domain_free(struct moat_domain *d);	/* no run uses it any more */
int moat_domain_grant(struct moat_domain *d, u32 off, size_t bytes, u8 rights, const char *name);
void moat_domain_revoke(struct moat_domain *d, u32 off);	/* waits for readers of the region table */
/* May the domain touch [p, p + bytes) with @rights?  Only what was granted; a run's own slot is not in the table. */
bool moat_domain_has(const struct moat_domain *d, u64 p, u64 bytes, u8 rights);
/*
 * Name a map in this domain: its handle (protected modes) or its address
 * (none); grants its values and adds the domain to map->domain (the caller
 * holds the object's lock).  Maps inside a map of maps are named one by one.  0: full.
 */
u64 moat_domain_map(struct moat_domain *d, struct moat_map *map);
void moat_domain_unmap(struct moat_domain *d, struct moat_map *map);
struct moat_map *moat_domain_map_at(const struct moat_domain *d, u64 handle);	/* NULL: no such handle */
u64 moat_domain_handle(const struct moat_domain *d, const struct moat_map *map);	/* 0: not granted */

/* Slots (slot.c): given back all at once, when the domain is freed. */
struct moat_slot_mem *moat_slot_get(struct moat_domain *d, u32 cpu);	/* NULL: -EBUSY, counted */
void moat_slot_put(struct moat_slot_mem *s);
void moat_slot_free_all(struct moat_domain *d);
/* Where the program reaches heap pages: its cage, or their home.  Rights 0 unmaps.  Not counted as a grant. */
int moat_domain_map_pages(struct moat_domain *d, u32 off, size_t bytes, u8 rights);

/* Threads (thread.c): registered on their first run, given back at thread exit. */
struct moat_thread {
	u32 cpu;		/* [0, MOAT_MAX_CPUS): the CPU that programs see */
	struct moat_run *run;	/* innermost; the fault handler's way in */
	void *altstack;		/* ours, or NULL: the thread had one */
	bool gates;		/* ready for modes with gates, see moat_thread_gates() */
};
/* NULL: not registered.  Initial-exec: signal handlers read it, so it must not be allocated on first use. */
extern __thread struct moat_thread *moat_self __attribute__((tls_model("initial-exec")));
int moat_thread_register(void);	/* sets moat_self: RCU reader, CPU number, alternate signal stack. -EBUSY: too many */
void moat_thread_gates(void);	/* before the thread's first run in a mode with gates */

/* Runs (run.c) */
enum moat_issued_kind { MOAT_ISSUED_FREE, MOAT_ISSUED_RINGBUF, MOAT_ISSUED_OBJECT };
struct moat_issued {
	u8 kind;
	u8 type;		/* OBJECT: the host's */
	struct moat_map *map;	/* RINGBUF */
	u32 off;		/* what the program holds: an offset, or a handle */
	u32 bytes;
	u64 private;
	void *object;		/* OBJECT */
	void (*release)(void *object, void *user);
};

struct moat_run {
	struct moat_frame frame;	/* first: emitted code's pointer to it is a pointer to the run */
	struct moat_thread *thread;
	struct moat_run *outer;		/* the run that this one is nested in, on this thread */
	struct moat_program *prog;	/* running now (tail calls change it) */
	struct moat_image *image;
	struct moat_domain *domain;
	struct moat_slot_mem *slot;
	u32 ctx_bytes;			/* of the context view */
	u32 data, data_end;		/* packet, offsets in the heap; 0, 0: none */
	bool packet_writable;		/* xdp, tc; not socket filters */
	u32 tail_calls;			/* left */
	u32 callbacks;			/* under way, one inside the other */
	struct moat_issued issued[MOAT_MAX_ISSUED];
	u32 issued_busy;		/* bit i: issued[i] is held; starts 0 */
	u32 issued_count;		/* objects ever issued; starts 0 */
	u32 scratch;			/* bytes used at the low end of the stack piece, for keys given to callbacks; starts 0 */
	u64 host_segment;		/* GS base of the host, to restore on a fault */
	u32 host_pkru;			/* rights of the caller, to restore on a fault */
	sigjmp_buf on_fault;
	struct moat_fault fault;
	void *user;
};

/* The call functions that images are given (audit.c, calls.c, packet.c); see jit/run.h. */
u64 moat_call(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct moat_frame *f, u64 site);
u64 moat_tail(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct moat_frame *f, u64 site);
u64 moat_packet(u64 offset, u64 bytes, u64 r3, u64 r4, u64 r5, struct moat_frame *f, u64 site);
/* Call a function of the running program from a helper.  Memory arguments as offsets. */
u64 moat_callback(struct moat_run *run, u64 handle, u64 r1, u64 r2, u64 r3, u64 r4);
/* End the innermost run with a fault that fills everything but the source line.  Does not return. */
_Noreturn void moat_run_fault(struct moat_run *run, enum moat_fault_kind kind, u32 insn, u64 address);
_Noreturn void moat_run_audit(struct moat_run *run, u32 insn, s32 helper, int arg, u64 value, const char *reason,
			       const char *proved);
/* A helper did @steps steps more than a call costs: less fuel, none at worst. */
void moat_run_charge(struct moat_run *run, u64 steps);
/* Lay data/data_end of the context view anew after the packet moved; views.c */
void moat_view_update(struct moat_run *run);
/* Discard what the run was issued and still holds; issued.c */
void moat_run_release(struct moat_run *run);

/* This thread loads the program of a probe: the mode need not have proved itself yet (features.c). */
extern __thread bool moat_probing;

/* Faults (fault.c) */
int moat_fault_init(void);	/* installs the handlers, once */
int moat_signal_install(void);	/* signal.c: hands on what is the host's own */
/* Note what a fault must restore, GS base and rights (host_segment, host_pkru).  Before the run's first entry. */
void moat_fault_arm(struct moat_run *run);
bool moat_have_segment(void);	/* the kernel lets us set the segment base (FSGSBASE) */

/* Helpers (helpers.c) */
const struct moat_helper *moat_helper_builtin(s32 id);
const struct moat_helper *moat_helper_find(const struct moat_object *obj, s32 id, enum bpf_prog_type type);

/* Maps (maps/) */
struct moat_map_ops {
	int (*check)(const struct moat_map *map);	/* attributes; -EINVAL */
	int (*alloc)(struct moat_map *map);		/* sets heap_off, heap_bytes for values */
	void (*free)(struct moat_map *map);
	/*
	 * All below: any thread, key and value exact.  Keys and values may be
	 * memory that programs change meanwhile: read once.  @cpu is the CPU
	 * whose value is meant, or MOAT_ALL_CPUS: the values of all of them.
	 */
	void *(*lookup)(struct moat_map *map, const void *key, u32 cpu);	/* host pointer to the value, NULL; maps of maps: the map */
	int (*read)(struct moat_map *map, const void *key, void *value);	/* for the host: a copy that is of one piece, of all CPUs */
	long (*update)(struct moat_map *map, const void *key, const void *value, u64 flags, u32 cpu);
	long (*delete)(struct moat_map *map, const void *key);
	int (*next_key)(struct moat_map *map, const void *key, void *next);	/* -ENOENT at the end */
	/* bpf_for_each_map_elem: calls back with (map handle, key, value, ctx) until it returns nonzero */
	long (*each)(struct moat_map *map, struct moat_run *run, u64 callback, u64 ctx);
};

struct moat_map {
	const struct moat_map_ops *ops;
	struct moat_object *obj;
	struct moat_map *next;		/* of the object */
	char name[64];
	enum bpf_map_type type;
	u32 key_size, value_size, max_entries, flags;
	bool created;
	bool internal;			/* .data, .rodata, .bss, .kconfig */
	u8 rights;			/* of programs on the values: BPF_F_RDONLY_PROG, BPF_F_WRONLY_PROG, .rodata */
	u32 heap_off;			/* values; only they are in the heap */
	size_t heap_bytes;		/* 0: the type exposes no values */
	struct moat_map *inner;		/* template, for maps of maps */
	const void *initial;		/* .data, .rodata: first value */
	void *data;			/* the type's own, host memory */
	_Atomic u64 last_handle;	/* what moat_domain_handle() said last, in some domain; 0: nothing yet */
	struct moat_naming *naming;	/* domains that name this map because a map of maps holds it */
	struct moat_domain **domain;	/* domains that name this map; under the object's lock */
	u32 nr_domain;
};
int moat_map_create(struct moat_map *map);	/* attributes are set: checks, allocates; message on error */
void moat_map_destroy(struct moat_map *map);	/* after a grace period */
const struct moat_map_ops *moat_map_ops(enum bpf_map_type type);	/* NULL: not supported */
/* Where an array's values lie, for inlined lookups; false: not an array. */
bool moat_array_values(const struct moat_map *map, struct moat_inline *out);
struct moat_program *moat_map_program_at(struct moat_map *map, u64 index);	/* program arrays; NULL */

/* Objects (object.c) */
/* Runs of a program on one CPU, each on a cache line of its own. */
struct moat_count {
	u64 runs, faults;	/* only the CPU's own thread writes */
} __attribute__((aligned(64)));

struct moat_program {
	struct moat_object *obj;
	struct moat_program *next;
	char *name, *section;
	enum bpf_prog_type type;
	bool autoload, loaded;
	struct bpf_insn *insn;		/* with subprograms appended, relocated */
	u32 len;
	struct moat_line *line;		/* by insn */
	u32 nr_line;
	struct moat_domain *domain;
	struct moat_image *image;
	struct moat_count *_Atomic count[MOAT_MAX_CPUS];	/* made on the first run on a CPU */
	u64 compile_ns;
};

struct moat_object {
	char *name;
	enum moat_mode mode;
	enum moat_base_form form;
	bool emit_only, unmetered, verify;
	u64 blind;			/* moat_options.blind */
	const struct moat_helper *helpers;
	size_t nr_helpers;
	struct moat_program *programs;
	struct moat_map *maps;
	bool loaded;
	pthread_mutex_t lock;
	void *elf;			/* object.c's own */
};

/* Each round of moat_emit() removes at least one forbidden byte sequence; what needs more is not worth compiling. */
#define MOAT_MAX_ROUNDS		100
u32 moat_marks_for(u32 len);	/* room for the labels of @len slots */

/* Compile (compile.c): insns are relocated; domain is set; fills prog->image. Messages on error. */
int moat_program_compile(struct moat_program *prog);
void moat_program_discard(struct moat_program *prog);
struct moat_options moat_program_options(struct moat_program *prog);	/* options.c */

/* What an audit record says of one argument, in words: "map flows", "1..64" (audit_text.c). Returns @text. */
#define MOAT_AUDIT_TEXT	160
const char *moat_audit_text(char text[MOAT_AUDIT_TEXT], const struct moat_arg_audit *a, const struct moat_program *prog);

/* Check finished code (verify.c; gates: verify_gates.h).  moat_check() with memory for it; also -ENOMEM. */
struct moat_check;
int moat_verify(struct moat_check *c);
/* For moat_options.check: refuses the image, with a line in the log, if the checker does. */
int moat_verify_image(const struct moat *jit, const u8 *code, u32 bytes);
/* Are the images of @obj to be checked? */
bool moat_verify_wanted(const struct moat_object *obj);

#endif
