// SPDX-License-Identifier: GPL-2.0-only
/* Domains: made of programs that the verifier has accepted, and given up with them. */
#include <linux/btf.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include "ends.h"
#include "gate.h"
#include "glue.h"
#include "lines.h"
#include "programs.h"

int moat_refuse(struct bpf_verifier_env *env, int err, const char *fmt, ...)
{
	char text[160];
	va_list args;

	va_start(args, fmt);
	vscnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	bpf_log(&env->log, "moat: %s\n", text);
	if (moat_permissive())
		moat_remember_reason(env->prog->aux, text);
	return err;
}

/* The core's messages, while the program is planned. */
static void say(void *arg, const char *text)
{
	bpf_log(arg, "moat: %s\n", text);
}

/* Memory ------------------------------------------------------------------ */

static int take_maps(struct moat_domain *d, struct bpf_verifier_env *env)
{
	u32 i;
	int err = 0;

	d->map = kmemdup(env->used_maps, env->used_map_cnt * sizeof(*d->map), GFP_KERNEL_ACCOUNT);
	if (env->used_map_cnt && !d->map)
		return -ENOMEM;
	for (d->nr_map = 0; d->nr_map < env->used_map_cnt; d->nr_map++)
		bpf_map_inc(d->map[d->nr_map]);
	for (i = 0; !err && i < d->nr_map; i++) {
		struct bpf_map *map = d->map[i];

		if (map->map_flags & BPF_F_WRONLY_PROG)
			return moat_refuse(env, -EOPNOTSUPP, "map '%s' can only be written, which a page cannot say",
					   map->name);
		/* An inner map's values go when all readers of RCU have; those that sleep are not among them. */
		if (d->sleepable && map->inner_map_meta)
			return moat_refuse(env, -EOPNOTSUPP, "map '%s' is one of maps, which a program that may sleep cannot use",
					   map->name);
		if (map->moat)
			err = moat_cage_grant(&d->cage, map->moat, !(map->map_flags & BPF_F_RDONLY_PROG));
	}
	return err ?: moat_inner_open(d);
}

static int make_slots(struct moat_domain *d)
{
	int err;

	d->nr_slot = num_possible_cpus() * MOAT_SLOTS_PER_CPU;
	d->staging = ALIGN(MOAT_SLOT_PACKET + moat_view_packet_bytes(d), 8);
	d->keys = ALIGN(d->staging + d->staging_bytes, 8);
	d->slot_bytes = PAGE_ALIGN(d->keys + MOAT_MAX_FRAMES * d->key_bytes);
	d->slots = moat_values_alloc(0, (u64)d->nr_slot * d->slot_bytes, NUMA_NO_NODE);
	if (!d->slots)
		return -ENOMEM;
	err = moat_cage_grant(&d->cage, d->slots, true) ?: moat_issued_make(d);
	if (!err)
		moat_runs_fill(d);
	return err;
}

/* Domains ----------------------------------------------------------------- */

static bool is_loop(const struct bpf_insn *insn)
{
	u8 class = BPF_CLASS(insn->code), op = BPF_OP(insn->code);

	return (class == BPF_JMP || class == BPF_JMP32) && op != BPF_CALL && op != BPF_EXIT && insn->off < 0;
}

/*
 * May its image leave in the frame how much fuel is left?  Those do that are metered and call the host; for those that only
 * might be it is a call for nothing.
 */
static bool tells_fuel(const struct moat_domain *d)
{
	bool meters = false, calls = false;
	u32 i;

	for (i = 0; i < d->len; i++) {
		const struct bpf_insn *insn = &d->insn[i];
		bool call = insn->code == (BPF_JMP | BPF_CALL);
		bool func = insn->code == (BPF_LD | BPF_IMM | BPF_DW) && insn->src_reg == BPF_PSEUDO_FUNC;

		meters |= is_loop(insn) || func || (call && insn->src_reg == BPF_PSEUDO_CALL);
		calls |= func || call ||
			 (BPF_CLASS(insn->code) == BPF_LD && BPF_MODE(insn->code) != BPF_IMM);
	}
	return meters && calls;
}

static int refuse_kfuncs(const struct moat_domain *d, struct bpf_verifier_env *env)
{
	u32 i;

	for (i = 0; i < d->len; i++)
		if (d->insn[i].code == (BPF_JMP | BPF_CALL) && d->insn[i].src_reg == BPF_PSEUDO_KFUNC_CALL)
			return moat_refuse(env, -EOPNOTSUPP, "insn %u: calls of kernel functions have no isolated form", i);
	return 0;
}

static int plan(struct moat_domain *d, struct bpf_verifier_env *env)
{
	int err = refuse_kfuncs(d, env);

	if (err)
		return err;
	d->kernel.run = (unsigned long)(d->classic ? moat_classic_run : moat_domain_run);
	d->kernel.domain = (unsigned long)d;
	d->opt.mode = MOAT_MODE_BASEREG;
	d->opt.form = MOAT_BASE_REGISTER;
	d->opt.entry_args = 1;
	d->opt.fuel = true;
	d->opt.blind = env->prog->blinding_requested ? get_random_u64() | 1 : 0;
	d->opt.kernel = &d->kernel;
	d->opt.arg = d;
	d->opt.log = (struct moat_log){ .line = say, .arg = &env->log };
	/* The machine is asked what classic programs must do when they end; their stub is as any other. */
	d->kernel.classic = d->classic;
	moat_machine_options(&d->opt, &d->kernel);
	d->kernel.classic = false;
	d->kernel.probe = moat_domain_probe;
	err = moat_gates_plan(d, env) ?: moat_issued_plan(d, env);
	if (!err && !d->classic)
		err = moat_runs_alloc(d);
	if (err)
		return err;
	if (d->view_enters)
		d->kernel.enter = (unsigned long)moat_view_enter;
	if (d->judged || d->view_leaves || d->staging_bytes || moat_proto_of(d, BPF_FUNC_tail_call) || tells_fuel(d))
		d->kernel.leave = (unsigned long)moat_run_leave;
	d->work = kvzalloc(moat_work_bytes(d->len), GFP_KERNEL_ACCOUNT);
	if (!d->work)
		return -ENOMEM;
	err = moat_plan(&d->jit, d->insn, d->len, &d->opt, d->work);
	/* The verifier's log ends with this call. */
	d->opt.log = (struct moat_log){ };
	/* Else what is left of one run would be all that the next one has. */
	if (!err && d->jit.uses_fuel && d->jit.calls && WARN_ON_ONCE(!d->kernel.leave))
		return -EFAULT;
	return err;
}

static void put_maps(struct moat_domain *d)
{
	while (d->nr_map)
		bpf_map_put(d->map[--d->nr_map]);
	kfree(d->map);
}

static void free_domain(struct moat_domain *d)
{
	moat_forget_domain(d);
	moat_ends_stop(d);
	moat_gates_free(d);
	moat_issued_free(d);
	moat_view_free(d);
	moat_inner_close(d);
	if (d->classic)
		moat_classic_leave(d);
	if (d->cage.area)
		moat_cage_destroy(&d->cage);
	if (d->slots)
		moat_values_put(d->slots);
	free_percpu(d->runs);
	kvfree(d->work);
	kvfree(d->insn);
	moat_lines_free(d);
	put_maps(d);
	kfree_rcu(d, rcu);
}

static int fill_domain(struct moat_domain *d, struct bpf_verifier_env *env)
{
	int err = moat_copy_program(d, env);

	if (!err)
		err = d->classic ? moat_classic_enter(d) : moat_cage_init(&d->cage);
	if (!err)
		err = take_maps(d, env) ?: moat_view_plan(d, env) ?: plan(d, env);
	if (!err && !d->classic)
		err = make_slots(d);
	return err;
}

/* What the core cannot do, but the kernel's own JIT can; what else it refuses a verifier should not have let through. */
static int check_form(struct bpf_verifier_env *env)
{
	u32 i;

	if (!env->prog->jit_requested)
		return moat_refuse(env, -EOPNOTSUPP, "the JIT is off: net.core.bpf_jit_enable");
	for (i = 1; i < env->subprog_cnt; i++)
		if (env->subprog_info[i].has_tail_call)
			return moat_refuse(env, -EOPNOTSUPP, "insn %u: tail calls from functions have no isolated form",
					   env->subprog_info[i].start);
	return 0;
}

struct moat_domain *moat_domain_make(struct bpf_verifier_env *env, bool classic)
{
	struct bpf_prog *prog = env->prog;
	struct moat_domain *d;
	int err = check_form(env);

	if (err)
		return ERR_PTR(err);
	d = kzalloc(sizeof(*d), GFP_KERNEL_ACCOUNT);
	if (!d)
		return ERR_PTR(-ENOMEM);
	d->classic = classic;
	d->type = prog->type;
	d->sleepable = prog->aux->sleepable;
	d->attach = prog->expected_attach_type;
	moat_ends_init(d, prog);
	d->aux = prog->aux;
	strscpy(d->name, prog->aux->name, sizeof(d->name));
	memcpy(d->tag, prog->tag, sizeof(d->tag));
	INIT_LIST_HEAD(&d->list);
	ratelimit_state_init(&d->limit, 60 * HZ, 1);
	ratelimit_set_flags(&d->limit, RATELIMIT_MSG_ON_RELEASE);
	err = fill_domain(d, env);
	if (!err)
		return d;
	free_domain(d);
	return ERR_PTR(err);
}

void moat_domain_give(struct moat_domain *d, struct bpf_prog_aux *aux)
{
	d->aux = aux;
	aux->moat = d;
	moat_remember_domain(d);
}

int moat_domain_placed(struct moat_domain *d, u8 *image)
{
	d->image = image;
	d->entry = d->jit.entry;
	moat_runs_placed(d);
	return d->gate ? 0 : moat_gates_make(d);
}

void moat_domain_displaced(struct moat_domain *d)
{
	WRITE_ONCE(d->image, NULL);
}

/* The kernel's hooks ------------------------------------------------------ */

int bpf_moat_verified(struct bpf_verifier_env *env)
{
	struct moat_domain *d;

	if (!moat_maps_isolated() || bpf_prog_is_dev_bound(env->prog->aux))
		return 0;
	if (!moat_isolates_loader()) {
		moat_remember_reason(env->prog->aux, "not among those whose programs are isolated: net.core.bpf_moat_who");
		return 0;
	}
	d = moat_domain_make(env, false);
	if (IS_ERR(d)) {
		if (PTR_ERR(d) != -EOPNOTSUPP || !moat_permissive())
			return PTR_ERR(d);
		bpf_log(&env->log, "moat: the program runs without isolation, as the policy is permissive\n");
		return 0;
	}
	moat_domain_give(d, env->prog->aux);
	return 0;
}

bool bpf_moat_isolated(const struct bpf_prog_aux *aux)
{
	return aux->moat;
}

void bpf_moat_share(struct bpf_prog_aux *func, const struct bpf_prog_aux *main)
{
	func->moat = main->moat;
}

void bpf_moat_free(struct bpf_prog_aux *aux)
{
	u32 i;

	moat_forget_reason(aux);
	if (aux->moat)
		free_domain(aux->moat);
	aux->moat = NULL;
	for (i = 0; i < aux->func_cnt; i++)
		aux->func[i]->aux->moat = NULL;
}
