// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prototypes of the kernel's helpers, as the audit needs them.
 *
 * They are made from the kernel's own, which say most of it.  What those leave
 * to the verifier is said in tables: which maps a helper takes (maps.c), and
 * what it reads more than once.  What has an argument of a kind that cannot be
 * audited is refused.
 */
#include <linux/slab.h>
#include "gate.h"
#include "view.h"

const char *func_id_name(int id);	/* kernel/bpf/disasm.c */

/* Helpers that the kernel's own function is not the whole of. */
static const struct own_form {
	s32 id;
	u64 (*call)(struct moat_call *c);
} own_form[] = {
	{ BPF_FUNC_loop,		moat_gate_loop },
	{ BPF_FUNC_for_each_map_elem,	moat_gate_each },
	{ BPF_FUNC_sk_fullsock,		moat_gate_fullsock },
	{ BPF_FUNC_get_netns_cookie,	moat_gate_netns_cookie },
	{ BPF_FUNC_set_retval,		moat_gate_set_retval },
	{ BPF_FUNC_fib_lookup,		moat_gate_fib_lookup },
	{ BPF_FUNC_ringbuf_reserve,	moat_gate_reserve },
	{ BPF_FUNC_ringbuf_submit,	moat_gate_release },
	{ BPF_FUNC_ringbuf_discard,	moat_gate_release },
};

static u64 (*own_form_of(s32 id))(struct moat_call *c)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(own_form); i++)
		if (own_form[i].id == id)
			return own_form[i].call;
	return NULL;
}

/* Arguments ---------------------------------------------------------------- */

#define ARG(n)	(1u << ((n) - 1))

/*
 * Helpers that check something and then read it anew: a format, a header that
 * says how long it is.  Another run of the same program could change it in
 * between, so they get a copy.  (Keys are copied where they are short, where
 * they are entered or deleted, and those of tries, which say how long they are;
 * hash tables may find what they like for a changing key.)
 */
static const struct copy_rule {
	s32 id;
	u8 args;
} copy_rule[] = {
	{ BPF_FUNC_trace_printk,		ARG(1) },
	{ BPF_FUNC_trace_vprintk,		ARG(1) },
	{ BPF_FUNC_snprintf_btf,		ARG(3) },
	{ BPF_FUNC_lwt_push_encap,		ARG(3) },
	{ BPF_FUNC_lwt_seg6_store_bytes,	ARG(3) },
	{ BPF_FUNC_lwt_seg6_action,		ARG(3) },
	{ BPF_FUNC_bind,			ARG(2) },
	{ BPF_FUNC_setsockopt,			ARG(4) },
	{ BPF_FUNC_store_hdr_opt,		ARG(2) },
	{ BPF_FUNC_tcp_gen_syncookie,		ARG(2) | ARG(4) },
	{ BPF_FUNC_tcp_raw_gen_syncookie_ipv4,	ARG(1) | ARG(2) },
	{ BPF_FUNC_tcp_raw_gen_syncookie_ipv6,	ARG(1) | ARG(2) },
	{ BPF_FUNC_tcp_raw_check_syncookie_ipv4, ARG(1) | ARG(2) },
	{ BPF_FUNC_tcp_raw_check_syncookie_ipv6, ARG(1) | ARG(2) },
};

/*
 * The kernel marks memory that a helper only reads, mostly.  What is not
 * marked is taken to be written, so that no read-only map is; this one only reads.
 */
static bool only_reads(s32 id)
{
	return id == BPF_FUNC_strncmp;
}

static u8 copied_args(s32 id)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(copy_rule); i++)
		if (copy_rule[i].id == id)
			return copy_rule[i].args;
	return 0;
}

/* A copy is never written to. */
static bool writes(const struct bpf_func_proto *fn, u32 i, s32 id)
{
	if (type_flag(fn->arg_type[i]) & (MEM_UNINIT | MEM_WRITE))
		return true;
	return !(type_flag(fn->arg_type[i]) & MEM_RDONLY) && !only_reads(id) && !(copied_args(id) & 1 << i);
}

/* Kinds that are what they are, whatever else the kernel's prototype says. */
static const u8 kind_of[__BPF_ARG_TYPE_MAX] = {
	[ARG_CONST_MAP_PTR]		= MOAT_ARG_MAP,
	[ARG_PTR_TO_MAP_KEY]		= MOAT_ARG_MAP_KEY,
	[ARG_PTR_TO_MAP_VALUE]		= MOAT_ARG_MAP_VALUE,
	[ARG_PTR_TO_MEM]		= MOAT_ARG_MEM,
	[ARG_CONST_SIZE]		= MOAT_ARG_SIZE,
	[ARG_CONST_SIZE_OR_ZERO]	= MOAT_ARG_SIZE_OR_ZERO,
	[ARG_PTR_TO_CTX]		= MOAT_ARG_CTX,
	[ARG_ANYTHING]			= MOAT_ARG_SCALAR,
	[ARG_PTR_TO_FUNC]		= MOAT_ARG_CALLBACK,
	[ARG_PTR_TO_STACK]		= MOAT_ARG_SCALAR,	/* for the callback, which gets it as it is */
	[ARG_PTR_TO_CONST_STR]		= MOAT_ARG_MEM,
	[ARG_PTR_TO_ALLOC_MEM]		= MOAT_ARG_RECORD,
	[ARG_CONST_ALLOC_SIZE_OR_ZERO]	= MOAT_ARG_SCALAR,
	[ARG_PTR_TO_SOCK_COMMON]	= MOAT_ARG_OBJECT,
	[ARG_PTR_TO_BTF_ID_SOCK_COMMON]	= MOAT_ARG_OBJECT,
	[ARG_PTR_TO_SOCKET]		= MOAT_ARG_OBJECT,
};

/* What no check of ours covers: objects that were handed out, memory of another kind. */
#define OTHER_MEMORY	(OBJ_RELEASE | MEM_ALLOC | MEM_USER | MEM_PERCPU | PTR_UNTRUSTED | DYNPTR_TYPE_FLAG_MASK)

/* Argument @i; false: it has no isolated form. */
static bool make_arg(struct moat_proto *p, const struct bpf_func_proto *fn, u32 i)
{
	u32 type = base_type(fn->arg_type[i]), flags = type_flag(fn->arg_type[i]);
	struct moat_arg_proto *a = &p->h.arg[i];

	if (type == ARG_DONTCARE)
		return true;
	/* It is released, and by whom we know. */
	if (type == ARG_PTR_TO_ALLOC_MEM && p->own)
		flags &= ~OBJ_RELEASE;
	if (type >= __BPF_ARG_TYPE_MAX || !kind_of[type] || flags & OTHER_MEMORY)
		return false;
	a->kind = kind_of[type];
	a->nullable = !!(flags & PTR_MAYBE_NULL) && type != ARG_PTR_TO_STACK;
	switch (a->kind) {
	case MOAT_ARG_CTX:
		/* It is supplied, so it cannot be left out, but where a number says whether there is one. */
		if (a->nullable && p->h.id == BPF_FUNC_get_netns_cookie)
			a->kind = MOAT_ARG_SCALAR;
		return a->kind == MOAT_ARG_SCALAR || !a->nullable;
	case MOAT_ARG_OBJECT:
		a->object = type == ARG_PTR_TO_SOCKET ? MOAT_OBJECT_FULL_SOCKET : MOAT_OBJECT_SOCKET;
		a->nullable = false;
		return true;
	case MOAT_ARG_RECORD:
		return p->own && !a->nullable;
	case MOAT_ARG_CALLBACK:
		return p->own;
	case MOAT_ARG_MAP_VALUE:
		if (flags & (MEM_UNINIT | MEM_WRITE))
			a->kind = MOAT_ARG_MAP_VALUE_OUT;
		return true;
	case MOAT_ARG_MEM:
		if (type == ARG_PTR_TO_CONST_STR) {
			a->bytes = 1;	/* at least; the gate looks where it ends */
			p->text |= 1 << i;
			return true;
		}
		if (writes(fn, i, p->h.id))
			a->kind = MOAT_ARG_MEM_OUT;
		a->bytes = flags & MEM_FIXED_SIZE ? fn->arg_size[i] : 0;
		return true;
	default:
		return true;
	}
}

/* Prototypes --------------------------------------------------------------- */

static const char *make_return(struct moat_proto *p, const struct bpf_func_proto *fn)
{
	switch (base_type(fn->ret_type)) {
	case RET_VOID:
		p->no_result = true;
		fallthrough;
	case RET_INTEGER:
		p->h.ret = MOAT_RET_SCALAR;
		return NULL;
	case RET_PTR_TO_MAP_VALUE:
		/* The analysis is told that it is an offset; the gate makes it one. */
		p->h.ret = MOAT_RET_MAP_VALUE;
		p->returns_value = true;
		return NULL;
	case RET_PTR_TO_SOCKET:
		/* What it returns is a number, for analysis. */
		if (p->h.id == BPF_FUNC_sk_fullsock)
			return NULL;
		return "returns an object that has no isolated form";
	case RET_PTR_TO_ALLOC_MEM:
		if (p->h.id == BPF_FUNC_ringbuf_reserve) {
			p->h.ret = MOAT_RET_MEM;
			return NULL;
		}
		fallthrough;
	default:
		return "returns an object that has no isolated form";
	}
}

/* What callbacks are called with. */
static void give(struct moat_proto *p)
{
	if (p->h.id != BPF_FUNC_loop && p->h.id != BPF_FUNC_for_each_map_elem)
		return;
	p->h.gives[0] = MOAT_GIVE_NUMBER;
	p->h.gives[1] = MOAT_GIVE_R3;
	if (p->h.id == BPF_FUNC_loop)
		return;
	p->h.gives[1] = MOAT_GIVE_ANYTHING;
	p->h.gives[2] = MOAT_GIVE_VALUE;
	p->h.gives[3] = MOAT_GIVE_R3;
}

static const char *convert(struct moat_proto *p, const struct bpf_func_proto *fn)
{
	const char *why = make_return(p, fn);
	u32 i;

	p->own = own_form_of(p->h.id);
	p->copied = copied_args(p->h.id);
	for (i = 0; !why && i < MOAT_MAX_ARGS; i++) {
		if (!make_arg(p, fn, i))
			why = "has an argument that has no isolated form";
		/* It takes as many as its format says, which the kernel's prototype does not. */
		if (p->h.id == BPF_FUNC_trace_printk && i >= 2)
			p->h.arg[i].kind = MOAT_ARG_SCALAR;
		p->context |= p->h.arg[i].kind == MOAT_ARG_CTX || p->h.arg[i].kind == MOAT_ARG_OBJECT;
	}
	/* Contexts of control groups' programs have it as a field. */
	p->context |= p->h.id == BPF_FUNC_set_retval || p->h.id == BPF_FUNC_get_retval;
	if (!why)
		why = moat_proto_maps(p);
	/* A helper that writes a packet leaves the program's view of it behind, too. */
	p->moves = bpf_helper_changes_pkt_data(fn->func) || p->h.id == BPF_FUNC_xdp_store_bytes;
	p->h.packet = p->moves;
	give(p);
	/* Tail calls have no function. */
	return why || !p->fn ? why : moat_proto_broken(&p->h);
}

static bool takes_socket(const struct moat_helper *h)
{
	u32 i;

	for (i = 0; i < MOAT_MAX_ARGS; i++)
		if (h->arg[i].kind == MOAT_ARG_OBJECT)
			return true;
	return false;
}

int moat_proto_make(struct moat_domain *d, struct bpf_verifier_env *env, u32 pc, s32 id)
{
	const struct bpf_func_proto *fn = d->classic ? moat_classic_proto(id) : NULL;
	struct moat_proto *p;
	const char *why;

	if (id <= 0 || (id >= __BPF_FUNC_MAX_ID && !fn))
		return moat_refuse(env, -EINVAL, "insn %u: there is no helper %d", pc, id);
	if (d->audit->proto[id])
		return 0;
	if (!fn && env->ops->get_func_proto)
		fn = env->ops->get_func_proto(id, env->prog);
	/* Classic programs call what classic.c has put there, whoever attaches them. */
	why = d->classic && fn ? NULL : moat_helper_refusal(env, fn, id);
	if (why)
		return moat_refuse(env, -EOPNOTSUPP, "insn %u: helper %s %s", pc, func_id_name(id), why);
	p = kzalloc(sizeof(*p), GFP_KERNEL_ACCOUNT);
	if (!p)
		return -ENOMEM;
	d->audit->proto[id] = p;
	p->h.id = id;
	p->h.name = func_id_name(id);
	p->fn = fn->func;
	p->h.fn = (void *)fn->func;	/* for moat_proto_broken(): there is one */
	why = convert(p, fn);
	if (!why && takes_socket(&p->h) && !d->view->socket)
		why = "takes a socket, and the program's context has none";
	if (why)
		return moat_refuse(env, -EOPNOTSUPP, "insn %u: helper %s %s", pc, p->h.name, why);
	/* A classic program changes nothing that they could look at. */
	p->context &= !d->classic;
	return 0;
}
