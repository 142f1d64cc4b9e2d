/* SPDX-License-Identifier: GPL-2.0-only */
/* Gates of isolated programs: what the files that make them and work them share. */
#ifndef MOAT_GATE_H
#define MOAT_GATE_H

#include <linux/nospec.h>
#include "domain.h"
#include "verifier-ext/record.h"

struct moat_call;
typedef u64 moat_helper_fn(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5);

/* Room for what a helper gets a copy of, in one call: BPF's longest key, and more than the longest line of a trace. */
#define MOAT_COPY_BYTES	512

/* Helpers of classic programs, which have no number in the UAPI; of the context, A and X. */
enum {
	MOAT_FUNC_HATYPE = __BPF_FUNC_MAX_ID,	/* or MOAT_NO_DEVICE */
	MOAT_FUNC_PAY_OFFSET,
	MOAT_FUNC_NLATTR,
	MOAT_FUNC_NLATTR_NEST,
	MOAT_NR_FUNCS,
};

#define MOAT_NO_DEVICE	U32_MAX

/* classic_run.c: theirs; NULL: there is none. */
const struct bpf_func_proto *moat_classic_proto(s32 id);

/* A helper of the kernel, as far as a program calls it. */
struct moat_proto {
	struct moat_helper h;	/* what analysis and records go by */
	moat_helper_fn *fn;
	u64 (*own)(struct moat_call *c);	/* what is called instead of @fn, once the arguments have passed */
	u8 copied;		/* arguments that must not change any more once they are looked at, as bits */
	u8 text;		/* arguments that are strings: so many bytes as they have, and copied too */
	bool context;		/* looks at the context, or at the packet behind it */
	bool moves;		/* changes the packet, or where it is */
	bool no_result;
	bool returns_value;	/* an address in a map */
	bool changes_map;
};

/* What is known of the calls of a program, from when it is planned. */
struct moat_audit {
	struct moat_proto *proto[MOAT_NR_FUNCS];	/* of the helpers that it calls */
	struct moat_call_audit *record;		/* by pc */
	u32 nr_record;
	struct moat_check *check;		/* of all gates */
	struct moat_callback {
		u32 start;			/* BPF instruction, which is its handle */
		u32 entry;			/* code offset */
	} *callback;
	u32 nr_callback;
};

/* What an argument is made of before the checks: a constant added to one of these. */
enum moat_from {
	MOAT_FROM_R1,	/* the program's registers, up to R5 */
	MOAT_FROM_NOTHING = MOAT_MAX_ARGS,
	MOAT_FROM_TOP,	/* the host's address of the top of the stack */
	MOAT_FROM_CONTEXT,	/* the host's context */
	MOAT_NR_FROM,
};

struct moat_source {
	u64 add;
	u64 from;	/* enum moat_from */
};

/* How much a gate has to do.  All others do what is needed for any site. */
enum moat_gate_way {
	MOAT_WAY_ALL,
	MOAT_WAY_FORM,		/* arguments are supplied, or numbers: no memory is looked at, copied or filled again */
	MOAT_WAY_DIRECT,	/* there are none */
};

/* The program's own value is looked at. */
struct moat_check {
	struct moat_arg_audit what;
	u32 start, length;	/* region MAP: of its values */
	const struct bpf_map *ring;	/* region MAP: a ring buffer, whose records are meant */
	u8 arg;			/* from 0 */
	u8 map;			/* size KEY, VALUE: the argument that is the map */
};

static inline bool moat_number_passes(const struct moat_arg_audit *a, u64 v)
{
	return v - a->min <= a->span && (v & a->mask) == a->value;
}

/* The gate of one call. */
struct moat_site_gate {
	moat_helper_fn *fn;		/* of a packet load: NULL */
	u8 way;			/* enum moat_gate_way */
	bool no_result, returns_value;	/* as in @proto */
	bool may_return_map;	/* its map is one of maps, or not known */
	bool flushes;		/* what the program left in the views is written back before it */
	bool refills;		/* what programs see of the context or packet may be another after it */
	s8 key, key_map;	/* argument that is a key which must not change any more, or -1; and its map */
	u8 copied;		/* arguments that are copied, with @text */
	u8 nr_check;
	u32 pc;
	struct moat_source source[MOAT_MAX_ARGS];
	const struct moat_check *check;	/* sizes before their memory */
	const struct moat_proto *proto;	/* of a packet load: NULL */
};

/* site.c: is there anything to look at in what the program passes? */
bool moat_site_checks(const struct moat_arg_audit *a);
/* Make @g, with room for its checks at @check. */
void moat_site_make(struct moat_site_gate *g, struct moat_check *check, const struct moat_domain *d,
		    const struct moat_call_audit *r);

/* policy.c: why the program may not call helper @id at all; @fn: its prototype, or NULL.  NULL: it may. */
const char *moat_helper_refusal(const struct bpf_verifier_env *env, const struct bpf_func_proto *fn, s32 id);

/* policy.c: why the program's loads may not read memory of the kernel; NULL: they may, as it may call bpf_probe_read_kernel(). */
const char *moat_reading_refusal(const struct bpf_verifier_env *env);

/* proto.c: make the prototype of helper @id, called at @pc; a line in the verifier's log says why there is none. */
int moat_proto_make(struct moat_domain *d, struct bpf_verifier_env *env, u32 pc, s32 id);

static inline const struct moat_proto *moat_proto_of(const struct moat_domain *d, s32 id)
{
	return id > 0 && id < MOAT_NR_FUNCS ? d->audit->proto[id] : NULL;
}

/* maps.c: which maps the helper takes, into @p; why it can take none, or NULL.  Why it does not take this one; NULL: it does. */
const char *moat_proto_maps(struct moat_proto *p);
const char *moat_proto_misfit(const struct moat_proto *p, const struct bpf_map *map);

/* The map that a program names with @handle. */
static inline struct bpf_map *moat_map_at(const struct moat_domain *d, u64 handle)
{
	u64 i = handle - 1;

	/* Not even on a mispredicted path: the number is the program's. */
	return i < d->nr_map ? d->map[array_index_nospec(i, d->nr_map)] : NULL;
}

/* records.c: audit records of all calls of the program, whose instructions are @insn decoded, into d->audit. */
int moat_records_make(struct moat_domain *d, struct bpf_verifier_env *env, struct moat_op *op);

/* inner_use.c: the handle of @map, of the domain's or in one of them; and what the handle of one of those names, or NULL. */
u64 moat_map_handle(const struct moat_domain *d, const struct bpf_map *map);
struct bpf_map *moat_inner_at(const struct moat_domain *d, u32 handle);
/* Why programs cannot look into this map of maps; NULL: they can. */
const char *moat_inner_misfit(const struct bpf_map *outer);

/* One call, with a gate of its own. */
struct moat_call {
	struct moat_run *run;
	const struct moat_site_gate *gate;
	u64 in[MOAT_NR_FROM];	/* by enum moat_from */
	u64 out[MOAT_MAX_ARGS];	/* what the helper gets */
	u64 key;		/* where a short key is copied to */
	u8 copied;		/* the gate's, and a long key that must not change */
};

/* The start of each: all but @out and @key, which are set before they are read. */
static __always_inline void moat_call_start(struct moat_call *c, struct moat_run *run, const struct moat_site_gate *g,
					    u64 r1, u64 r2, u64 r3, u64 r4, u64 r5)
{
	c->run = run;
	c->gate = g;
	c->in[0] = r1;
	c->in[1] = r2;
	c->in[2] = r3;
	c->in[3] = r4;
	c->in[4] = r5;
	c->in[MOAT_FROM_NOTHING] = 0;
	c->in[MOAT_FROM_TOP] = (unsigned long)moat_host(run->slot + MOAT_STACK_BYTES);
	c->in[MOAT_FROM_CONTEXT] = (unsigned long)run->ctx;
}

static __always_inline u64 moat_call_form(const struct moat_call *c, u32 arg)
{
	const struct moat_source *s = &c->gate->source[arg];

	return s->add + c->in[s->from];
}

/* audit.c: all arguments, audited.  Does not return if one misses. */
void moat_gate_pass(struct moat_call *c);
/* After that, what must not change any more: a key; arguments, into @room of MOAT_COPY_BYTES, 8-byte aligned. */
void moat_gate_copy_key(struct moat_call *c);
void moat_gate_copy(struct moat_call *c, u8 *room);
#define MOAT_NUMBER_MISSES	"a number that it was not proved to be, or that the helper does not take"
/* Argument @arg, from 0, is refused: the run ends. */
__noreturn void moat_gate_miss(struct moat_call *c, u32 arg, const char *why);

/* callback.c: the callback that the program names, or NULL. */
const struct moat_callback *moat_callback_at(const struct moat_domain *d, u64 handle);

/* The isolated forms of some helpers: what a call of them does. */
u64 moat_gate_loop(struct moat_call *c);	/* callback.c */
u64 moat_gate_each(struct moat_call *c);
u64 moat_gate_reserve(struct moat_call *c);	/* issued.c: records of ring buffers */
u64 moat_gate_release(struct moat_call *c);	/* submit or discard; argument 1 is the struct moat_issued */

/* The helper itself, between what its view needs; for forms that are more than that. */
u64 moat_gate_forward(struct moat_call *c);	/* call.c */
u64 moat_gate_set_retval(struct moat_call *c);
u64 moat_gate_fib_lookup(struct moat_call *c);

/* sockets.c */
u64 moat_gate_fullsock(struct moat_call *c);
u64 moat_gate_netns_cookie(struct moat_call *c);
/* The host's socket that the run knows by @off, a whole one if @full; or NULL. */
void *moat_socket_at(const struct moat_run *run, u32 off, bool full);
/* Types of objects. */
enum { MOAT_OBJECT_SOCKET = 1, MOAT_OBJECT_FULL_SOCKET };

/* issued.c: what the run holds at exactly @off, of @ring if that is not NULL; else NULL. */
struct moat_issued *moat_issued_at(const struct moat_run *run, u32 off, const struct bpf_map *ring);

#endif
