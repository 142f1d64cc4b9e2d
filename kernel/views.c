// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a program sees of its context: a view in its slot, in the layout of the UAPI.
 *
 * Contexts that the kernel converts come by fields (fields.c), others are
 * copied, and packets too (packet.c).  Helpers work on the host's own, so the
 * views are written back before a helper that looks there, and filled again after it.
 */
#include <linux/filter.h>
#include <linux/ptrace.h>
#include <linux/seccomp.h>
#include <linux/slab.h>
#include "view.h"

#define ALL_OF_SLOT	MOAT_SLOT_CTX_BYTES

/*
 * The program types that have views.  A flat context is copied from @flat on,
 * never more than @flat_end bytes of it, whatever the verifier says.
 *
 * Arguments of raw tracepoints, and registers, are kernel addresses for the
 * most part.  Tracing programs are loaded by those who may read kernel memory
 * and hand them to bpf_probe_read_kernel(): they are allowed to see them.
 */
static const struct view_type {
	bool known;
	u8 packet;		/* enum moat_packet_kind */
	u16 flat, flat_end;	/* flat_end 0: the kernel converts it */
	bool arguments;		/* of a function, as many as it has */
	bool varies;		/* in length, with the tracepoint */
} types[] = {
	/* No user's program has it: that of seccomp, and no context at all. */
	[BPF_PROG_TYPE_UNSPEC]		= { true, .flat_end = sizeof(struct seccomp_data) },
	[BPF_PROG_TYPE_SOCKET_FILTER]	= { true, MOAT_PACKET_SKB },
	[BPF_PROG_TYPE_SCHED_CLS]	= { true, MOAT_PACKET_SKB },
	[BPF_PROG_TYPE_SCHED_ACT]	= { true, MOAT_PACKET_SKB },
	[BPF_PROG_TYPE_CGROUP_SKB]	= { true, MOAT_PACKET_SKB },
	[BPF_PROG_TYPE_LWT_IN]		= { true, MOAT_PACKET_SKB },
	[BPF_PROG_TYPE_LWT_OUT]		= { true, MOAT_PACKET_SKB },
	[BPF_PROG_TYPE_LWT_XMIT]	= { true, MOAT_PACKET_SKB },
	[BPF_PROG_TYPE_LWT_SEG6LOCAL]	= { true, MOAT_PACKET_SKB },
	[BPF_PROG_TYPE_XDP]		= { true, MOAT_PACKET_XDP },
	[BPF_PROG_TYPE_PERF_EVENT]	= { true },
	[BPF_PROG_TYPE_CGROUP_SOCK]	= { true },
	[BPF_PROG_TYPE_CGROUP_SOCK_ADDR] = { true },
	[BPF_PROG_TYPE_CGROUP_SYSCTL]	= { true },
	[BPF_PROG_TYPE_CGROUP_SOCKOPT]	= { true, MOAT_WINDOW_SOCKOPT },
	[BPF_PROG_TYPE_SOCK_OPS]	= { true, MOAT_WINDOW_SOCK_OPS },
	[BPF_PROG_TYPE_SK_LOOKUP]	= { true },
	[BPF_PROG_TYPE_SK_SKB]		= { true, MOAT_PACKET_SKB },
	[BPF_PROG_TYPE_SK_MSG]		= { true, MOAT_WINDOW_SK_MSG },
	[BPF_PROG_TYPE_SK_REUSEPORT]	= { true, MOAT_WINDOW_REUSEPORT },
	[BPF_PROG_TYPE_FLOW_DISSECTOR]	= { true, MOAT_WINDOW_FLOW },
	[BPF_PROG_TYPE_CGROUP_DEVICE]	= { true, .flat_end = sizeof(struct bpf_cgroup_dev_ctx) },
	/* The first word is where the kernel keeps its pointer to the registers. */
	[BPF_PROG_TYPE_TRACEPOINT]	= { true, .flat = sizeof(void *), .flat_end = ALL_OF_SLOT, .varies = true },
	[BPF_PROG_TYPE_RAW_TRACEPOINT]	= { true, .flat_end = MAX_BPF_FUNC_ARGS * sizeof(u64), .varies = true },
	[BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE] = { true, MOAT_WINDOW_TRACEPOINT,
						    .flat_end = MAX_BPF_FUNC_ARGS * sizeof(u64), .varies = true },
	[BPF_PROG_TYPE_TRACING]		= { true, .flat_end = ALL_OF_SLOT, .arguments = true },
	[BPF_PROG_TYPE_LSM]		= { true, .flat_end = ALL_OF_SLOT, .arguments = true },
	[BPF_PROG_TYPE_KPROBE]		= { true, .flat_end = sizeof(struct pt_regs) },
};

static const char *type_name(enum bpf_prog_type type)
{
#define BPF_PROG_TYPE(id, name, ...)	[id] = #name,
#define BPF_MAP_TYPE(...)
#define BPF_LINK_TYPE(...)
	static const char * const names[] = {
#include <linux/bpf_types.h>
	};
#undef BPF_PROG_TYPE
#undef BPF_MAP_TYPE
#undef BPF_LINK_TYPE
	return type < ARRAY_SIZE(names) && names[type] ? names[type] : "unknown";
}

/* Planning ----------------------------------------------------------------- */

static int plan_flat(struct moat_view *v, const struct view_type *t, struct bpf_verifier_env *env)
{
	u32 end = env->prog->aux->max_ctx_offset;

	if (t->arguments)
		v->arguments = moat_arguments_bytes(env->prog);
	if (end > t->flat_end || (t->arguments && end > v->arguments))
		return moat_refuse(env, -EOPNOTSUPP, "context offset %u is out of its view's reach", end - 1);
	/* Attaching compares with the same end, so each context that comes has as many bytes. */
	v->flat = t->flat;
	v->flat_end = max_t(u32, end, t->flat);
	if (env->prog->aux->max_tp_access >= MOAT_VIEW_PACKET_MAX)
		return moat_refuse(env, -EOPNOTSUPP, "byte %u of the tracepoint's memory is out of its view's reach",
				   env->prog->aux->max_tp_access - 1);
	if (t->packet && env->prog->aux->max_tp_access) {
		v->packet = t->packet;
		v->packet_tell = true;
		v->packet_bytes = env->prog->aux->max_tp_access;
		v->packet_write = moat_window_writable(t->packet);
	}
	return 0;
}

static int plan_fields(struct moat_view *v, const struct view_type *t, struct bpf_verifier_env *env)
{
	struct moat_fields *f = kzalloc(sizeof(*f), GFP_KERNEL);
	int err;

	if (!f)
		return -ENOMEM;
	f->env = env;
	err = moat_fields_find(f);
	v->meta = f->meta;
	v->keys = f->keys;
	if (!err && f->data)
		err = moat_packet_plan(v, t->packet, env);
	if (!err && f->has_socket)
		err = moat_socket_plan(v, f->socket, env);
	if (!err)
		err = moat_fields_make(f, v);
	kfree(f);
	return err;
}

int moat_view_plan(struct moat_domain *d, struct bpf_verifier_env *env)
{
	enum bpf_prog_type type = env->prog->type;
	const struct view_type *t = type < ARRAY_SIZE(types) && types[type].known ? &types[type] : NULL;
	int err;

	if (!t)
		return moat_refuse(env, -EOPNOTSUPP, "programs of type %u (%s) have no isolated form", type, type_name(type));
	if (bpf_prog_is_dev_bound(env->prog->aux))
		return moat_refuse(env, -EOPNOTSUPP, "offloaded programs have no isolated form");
	if (type == BPF_PROG_TYPE_TRACING && env->prog->expected_attach_type == BPF_TRACE_ITER)
		return moat_refuse(env, -EOPNOTSUPP, "iterators have no isolated form");
	err = moat_reads_plan(d, env);
	if (err)
		return err;
	if (!t->flat_end != !!env->ops->convert_ctx_access)
		return moat_refuse(env, -EOPNOTSUPP, "the context of type %u (%s) is not what it was", type, type_name(type));
	d->view = kzalloc(sizeof(*d->view), GFP_KERNEL_ACCOUNT);
	if (!d->view)
		return -ENOMEM;
	err = t->flat_end ? plan_flat(d->view, t, env) : plan_fields(d->view, t, env);
	if (t->packet == MOAT_PACKET_SKB)
		moat_packet_plan_loads(d->view, t->packet, d->insn, d->len);
	d->view_enters = d->view->prologue || d->view->load || d->view->flat_end || d->view->packet || d->view->keys ||
			 d->view->socket;
	d->view_leaves = d->view->store || d->view->packet_write || d->view->keys;
	return err;
}

static void free_code(struct bpf_prog *code)
{
	if (code)
		bpf_prog_free(code);
}

void moat_view_free(struct moat_domain *d)
{
	if (!d->view)
		return;
	free_code(d->view->load);
	free_code(d->view->store);
	free_code(d->view->prologue);
	free_code(d->view->socket);
	free_code(d->view->socket_common);
	free_code(d->view->socket_full);
	kfree(d->view);
	d->view = NULL;
}

/*
 * How long the one's context is was compared when it was attached or run; the other's was compared with nothing.  Contexts of
 * tracepoints are as long as their arguments.
 */
bool moat_view_follows(const struct moat_domain *from, const struct moat_domain *to)
{
	if (types[to->type].arguments)
		return to->view->flat_end <= from->view->arguments;
	if (types[to->type].varies && to->view->flat_end > from->view->flat_end)
		return false;
	if (to->view->packet == MOAT_WINDOW_TRACEPOINT)
		return from->view->packet == MOAT_WINDOW_TRACEPOINT && to->view->packet_bytes <= from->view->packet_bytes;
	return true;
}

/* Runs --------------------------------------------------------------------- */

static void fill(struct moat_run *run)
{
	const struct moat_view *v = run->domain->view;
	void *view = moat_run_ctx_view(run);

	if (v->flat_end)
		memcpy(view + v->flat, run->ctx + v->flat, v->flat_end - v->flat);
	if (v->load)
		moat_view_call(v->load, run->ctx, view);
	if (v->packet)
		moat_packet_fill(run);
	if (v->keys)
		moat_flow_keys_fill(run);
	if (v->socket)
		moat_socket_fill(run);
}

static void flush(struct moat_run *run)
{
	const struct moat_view *v = run->domain->view;

	if (v->store)
		moat_view_call(v->store, run->ctx, moat_run_ctx_view(run));
	if (v->packet)
		moat_packet_flush(run);
	if (v->keys)
		moat_flow_keys_flush(run);
}

struct moat_entered moat_view_enter(struct moat_run *run)
{
	const struct moat_view *v = run->domain->view;

	if (v->prologue) {
		u32 verdict = moat_view_call(v->prologue, run->ctx, NULL);

		if (verdict != MOAT_PROLOGUE_DONE)
			return (struct moat_entered){ .r0 = verdict };
	}
	fill(run);
	return (struct moat_entered){ .run = run };
}

void moat_view_leave(struct moat_run *run)
{
	flush(run);
}

void moat_view_before_call(struct moat_run *run)
{
	flush(run);
}

bool moat_view_packet_only(s32 helper)
{
	switch (helper) {
	case BPF_FUNC_skb_load_bytes:
	case BPF_FUNC_skb_load_bytes_relative:
	case BPF_FUNC_xdp_load_bytes:
	case BPF_FUNC_xdp_get_buff_len:
		return true;
	default:
		return false;
	}
}

bool moat_view_only_read(s32 helper)
{
	if (moat_view_packet_only(helper))
		return true;
	switch (helper) {
	case BPF_FUNC_perf_event_output:
	case BPF_FUNC_get_stackid:
	case BPF_FUNC_get_stack:
	case BPF_FUNC_get_socket_cookie:
	case BPF_FUNC_get_socket_uid:
	case BPF_FUNC_get_cgroup_classid:
	case BPF_FUNC_get_route_realm:
	case BPF_FUNC_skb_get_tunnel_key:
	case BPF_FUNC_skb_get_tunnel_opt:
	case BPF_FUNC_skb_under_cgroup:
	case BPF_FUNC_skb_cgroup_id:
	case BPF_FUNC_skb_ancestor_cgroup_id:
	case BPF_FUNC_fib_lookup:
		return true;
	default:
		return false;
	}
}

/* Most others change what programs see of a context or of a packet even where they move nothing. */
void moat_view_after_call(struct moat_run *run, bool moves)
{
	fill(run);
}
