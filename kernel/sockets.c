// SPDX-License-Identifier: GPL-2.0-only
/*
 * The socket that a context points to.
 *
 * The program has a copy of the fields that it uses, in the layout of struct
 * bpf_sock, behind the view of its context; where that is, is its pointer to
 * the socket.  A helper that gets this pointer is given the context's socket,
 * as the context says it then.
 */
#include <linux/filter.h>
#include <linux/slab.h>
#include <net/sock.h>
#include "gate.h"
#include "view.h"

/* Behind all contexts, and behind flow keys (window.c). */
#define SOCKET_AT	2048

/* Fields ------------------------------------------------------------------- */

/* A socket that is only half of one has no others than these. */
static bool is_common(const struct moat_field *field)
{
	struct bpf_insn_access_aux info = { };

	return bpf_sock_common_is_valid_access(field->off, field->bytes, BPF_READ, &info);
}

/* The load of a socket's field at instruction @i. */
static int use(struct moat_fields *f, struct bpf_verifier_env *env, u32 i)
{
	const struct bpf_insn *insn = &env->prog->insnsi[i];
	struct bpf_insn_access_aux info = { .reg_type = SCALAR_VALUE, .log = &env->log };
	int bytes = BPF_LDST_BYTES(insn), off = insn->off;

	if (BPF_CLASS(insn->code) != BPF_LDX || !bpf_sock_is_valid_access(off, bytes, BPF_READ, &info))
		return moat_refuse(env, -EOPNOTSUPP, "insn %u: socket offset %d, %d bytes: no such field", i, off, bytes);
	if (bytes < info.ctx_field_size) {
		bytes = info.ctx_field_size;
		off &= ~(bytes - 1);
	}
	return moat_fields_add(f, off, bytes, false);
}

static int find(struct moat_fields *f, struct bpf_verifier_env *env)
{
	int err = 0;
	u32 i;

	for (i = 0; i < env->prog->len && !err; i++) {
		if (!moat_accesses_memory(&env->prog->insnsi[i]))
			continue;
		switch ((int)env->insn_aux_data[i].ptr_type) {
		case PTR_TO_SOCKET:
		case PTR_TO_SOCK_COMMON:
			err = use(f, env, i);
			break;
		case PTR_TO_TCP_SOCK:
		case PTR_TO_XDP_SOCK:
			err = moat_refuse(env, -EOPNOTSUPP, "insn %u: such a socket has no isolated form", i);
			break;
		}
	}
	return err;
}

int moat_socket_plan(struct moat_view *v, u16 field, struct bpf_verifier_env *env)
{
	struct moat_fields *f = kzalloc(2 * sizeof(*f), GFP_KERNEL), *common = f + 1;
	u32 i, n = 0;
	int err;

	if (!f)
		return -ENOMEM;
	v->socket_field = field;
	f->env = common->env = env;
	err = find(f, env);
	for (i = 0; i < f->nr; i++) {
		if (is_common(&f->field[i]))
			common->field[common->nr++] = f->field[i];
		else
			f->field[n++] = f->field[i];
	}
	f->nr = n;
	if (!err)
		err = moat_fields_pointer(env, field, &v->socket);
	if (!err)
		err = moat_fields_copy(common, bpf_sock_convert_ctx_access, &v->socket_common);
	if (!err)
		err = moat_fields_copy(f, bpf_sock_convert_ctx_access, &v->socket_full);
	kfree(f);
	return err;
}

/* Runs --------------------------------------------------------------------- */

/* Never put where the program could see it. */
static struct sock *socket_of(const struct moat_run *run)
{
	struct sock *sk = NULL;

	moat_view_call(run->domain->view->socket, run->ctx, &sk);
	return sk;
}

static u32 handle_of(const struct moat_run *run)
{
	return run->slot + MOAT_SLOT_CTX + SOCKET_AT;
}

void moat_socket_fill(struct moat_run *run)
{
	const struct moat_view *v = run->domain->view;
	void *view = moat_run_ctx_view(run);
	struct sock *sk = socket_of(run);

	*(u64 *)(view + v->socket_field) = sk ? handle_of(run) : 0;
	if (!sk)
		return;
	/* One that is not a full one has not the fields of the one before it. */
	memset(view + SOCKET_AT, 0, sizeof(struct bpf_sock));
	if (v->socket_common)
		moat_view_call(v->socket_common, sk, view + SOCKET_AT);
	if (v->socket_full && sk_fullsock(sk))
		moat_view_call(v->socket_full, sk, view + SOCKET_AT);
}

void *moat_socket_at(const struct moat_run *run, u32 off, bool full)
{
	struct sock *sk;

	if (!run->domain->view->socket || off != handle_of(run))
		return NULL;
	sk = socket_of(run);
	return sk && (!full || sk_fullsock(sk)) ? sk : NULL;
}

/* bpf_sk_fullsock(): the same pointer, or NULL. */
u64 moat_gate_fullsock(struct moat_call *c)
{
	struct sock *sk = (struct sock *)c->out[0];

	return sk_fullsock(sk) ? handle_of(c->run) : 0;
}

/* bpf_get_netns_cookie(): of the context's network, or of the first one if there is no context. */
u64 moat_gate_netns_cookie(struct moat_call *c)
{
	return c->gate->proto->fn(c->out[0] ? (unsigned long)c->run->ctx : 0, 0, 0, 0, 0);
}
