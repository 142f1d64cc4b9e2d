// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contexts that the kernel converts: little programs with the kernel's own
 * conversion code copy the fields that a program uses to its view, and back.
 *
 * Which fields these are is what the verifier recorded, and it may have been
 * fooled.  So each is asked for once more where the kernel defines it
 * (is_valid_access), as a whole, and a field is written only by its conversion.
 * They run with host rights and are compiled as programs that are not isolated.
 */
#include <linux/filter.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include "view.h"

#define CONVERTED	16	/* instructions of one conversion, as in convert_ctx_accesses() */
#define PER_FIELD	(2 * CONVERTED + 3)

enum {
	CTX = BPF_REG_1,	/* the host's context */
	VIEW = BPF_REG_2,	/* the host's address of the view */
	SEEN = BPF_REG_3,	/* what the program left in the view: read once, then written */
	HOST = BPF_REG_0,	/* what the context has */
};

/* Finding them ------------------------------------------------------------- */

int moat_fields_add(struct moat_fields *f, u32 off, u32 bytes, bool written)
{
	struct moat_field *field;

	for (field = f->field; field < f->field + f->nr; field++) {
		if (field->off != off || field->bytes != bytes)
			continue;
		field->written |= written;
		return 0;
	}
	if (f->nr == MOAT_MAX_FIELDS)
		return moat_refuse(f->env, -EOPNOTSUPP, "more than %u fields of the context are used", MOAT_MAX_FIELDS);
	f->field[f->nr++] = (struct moat_field){ .off = off, .bytes = bytes, .written = written };
	return 0;
}

/* What the kernel says of this access to the context. */
static bool may_access(struct bpf_verifier_env *env, int off, int bytes, enum bpf_access_type type,
		       struct bpf_insn_access_aux *info)
{
	*info = (struct bpf_insn_access_aux){ .reg_type = SCALAR_VALUE, .log = &env->log };
	return env->ops->is_valid_access(off, bytes, type, env->prog, info);
}

/* One load or store of the context at instruction @i. */
static int use(struct moat_fields *f, u32 i, const struct bpf_insn *insn)
{
	int bytes = BPF_LDST_BYTES(insn), off = insn->off;
	bool written = BPF_CLASS(insn->code) != BPF_LDX;
	struct bpf_insn_access_aux info;

	/* A field that is written is read, too: the view must have its value if the program comes by another way. */
	if ((written && !may_access(f->env, off, bytes, BPF_WRITE, &info)) ||
	    !may_access(f->env, off, bytes, BPF_READ, &info))
		return moat_refuse(f->env, -EOPNOTSUPP, "insn %u: context offset %d, %d bytes: no such field", i, off, bytes);
	switch ((int)info.reg_type) {
	case SCALAR_VALUE:
		break;
	case PTR_TO_PACKET_META:
		f->meta = true;
		fallthrough;
	case PTR_TO_PACKET:
	case PTR_TO_PACKET_END:
		f->data = true;
		return 0;
	case PTR_TO_SOCKET:
	case PTR_TO_SOCK_COMMON:
	case PTR_TO_SOCKET | PTR_MAYBE_NULL:
	case PTR_TO_SOCK_COMMON | PTR_MAYBE_NULL:
		if (f->has_socket && f->socket != off)
			return moat_refuse(f->env, -EOPNOTSUPP, "insn %u: a second socket has no isolated form", i);
		f->has_socket = true;
		f->socket = off;
		return 0;
	case PTR_TO_FLOW_KEYS:
		f->keys = true;
		return 0;
	default:
		return moat_refuse(f->env, -EOPNOTSUPP, "insn %u: context offset %d is a pointer, which has no isolated form",
				   i, off);
	}
	/* A part of a field: the view has all of it. */
	if (bytes < info.ctx_field_size) {
		bytes = info.ctx_field_size;
		off &= ~(bytes - 1);
	}
	return moat_fields_add(f, off, bytes, written);
}

int moat_fields_find(struct moat_fields *f)
{
	const struct bpf_prog *prog = f->env->prog;
	int err = 0;
	u32 i;

	for (i = 0; i < prog->len && !err; i++)
		if (moat_accesses_memory(&prog->insnsi[i]) && f->env->insn_aux_data[i].ptr_type == PTR_TO_CTX)
			err = use(f, i, &prog->insnsi[i]);
	return err;
}

/* Making code -------------------------------------------------------------- */

struct code {
	struct bpf_verifier_env *env;
	bpf_convert_ctx_access_t convert;
	struct bpf_insn *insn;
	u32 len;
};

static void put(struct code *c, struct bpf_insn insn)
{
	c->insn[c->len++] = insn;
}

static struct bpf_insn field_insn(const struct moat_field *f, u8 class, u8 dst, u8 src)
{
	return BPF_RAW_INSN(class | BPF_MEM | bytes_to_bpf_size(f->bytes), dst, src, f->off, 0);
}

/* The kernel's conversion of one access to the field. */
static int convert(struct code *c, const struct moat_field *f, enum bpf_access_type type)
{
	struct bpf_insn insn = type == BPF_READ ? field_insn(f, BPF_LDX, HOST, CTX) : field_insn(f, BPF_STX, CTX, SEEN);
	u32 bytes = 0, n = c->convert(type, &insn, c->insn + c->len, c->env->prog, &bytes);

	if (!n || n >= CONVERTED)
		return moat_refuse(c->env, -EOPNOTSUPP, "context offset %u has no conversion", f->off);
	c->len += n;
	return 0;
}

/* view = host */
static int put_load(struct code *c, const struct moat_field *f)
{
	int err = convert(c, f, BPF_READ);

	put(c, field_insn(f, BPF_STX, VIEW, HOST));
	return err;
}

/*
 * if (view != host) host = view.  Written only where they differ: the program
 * need not have written it, and a write can have effects of its own.  (That of
 * tstamp ends delivery time even if it writes the 0 that was read for it;
 * such a write is lost.)
 */
static int put_store(struct code *c, const struct moat_field *f)
{
	u32 branch;
	int err;

	put(c, field_insn(f, BPF_LDX, SEEN, VIEW));
	err = convert(c, f, BPF_READ);
	branch = c->len;
	put(c, BPF_JMP_REG(BPF_JEQ, HOST, SEEN, 0));
	if (!err)
		err = convert(c, f, BPF_WRITE);
	c->insn[branch].off = c->len - branch - 1;
	return err;
}

/* The helper calls of a prologue name helpers by number, which the verifier would have replaced. */
static int resolve_calls(struct code *c)
{
	const struct bpf_func_proto *proto;
	struct bpf_insn *insn;

	for (insn = c->insn; insn < c->insn + c->len; insn++) {
		if (insn->code != (BPF_JMP | BPF_CALL))
			continue;
		proto = c->env->ops->get_func_proto(insn->imm, c->env->prog);
		if (!proto || !proto->func)
			return moat_refuse(c->env, -EOPNOTSUPP, "the prologue calls unknown helper %d", insn->imm);
		insn->imm = proto->func - __bpf_call_base;
	}
	return 0;
}

static void put_end(struct code *c, u32 r0)
{
	put(c, BPF_MOV32_IMM(BPF_REG_0, r0));
	put(c, BPF_EXIT_INSN());
}

static int compile(struct code *c, const char *name, struct bpf_prog **made)
{
	struct bpf_prog *prog = bpf_prog_alloc(bpf_prog_size(c->len), 0);
	int err;

	if (!prog)
		return -ENOMEM;
	prog->type = c->env->prog->type;
	prog->aux->ops = c->env->prog->aux->ops;	/* or it would be taken for a raw program (unverified.c) */
	prog->len = c->len;
	/* Compiled or not at all: interpreted code would get its instructions in R2.  Nothing in it is a user's, to blind. */
	prog->jit_requested = 1;
	prog->blinding_requested = 0;
	strscpy(prog->aux->name, name, sizeof(prog->aux->name));
	memcpy(prog->insnsi, c->insn, c->len * sizeof(*c->insn));
	prog = bpf_prog_select_runtime(prog, &err);
	if (!err && !prog->jited)
		err = -EOPNOTSUPP;
	if (err) {
		bpf_prog_free(prog);
		return moat_refuse(c->env, err, "cannot compile %s: error %d", name, err);
	}
	*made = prog;
	return 0;
}

static int make_prologue(struct code *c, struct moat_view *v)
{
	struct bpf_verifier_env *env = c->env;
	u32 n = env->ops->gen_prologue ? env->ops->gen_prologue(c->insn, env->seen_direct_write, env->prog) : 0;
	int err;

	if (!n)
		return 0;
	/* Its last instruction is the program's first. */
	c->len = n - 1;
	err = resolve_calls(c);
	put_end(c, MOAT_PROLOGUE_DONE);
	return err ?: compile(c, "moat_prologue", &v->prologue);
}

static int make_copies(struct code *c, const struct moat_fields *f, struct moat_view *v, bool store)
{
	const struct moat_field *field;
	int err = 0;

	c->len = 0;
	for (field = f->field; field < f->field + f->nr && !err; field++) {
		if (!store)
			err = put_load(c, field);
		else if (field->written)
			err = put_store(c, field);
	}
	if (err || !c->len)
		return err;
	put_end(c, 0);
	return store ? compile(c, "moat_store", &v->store) : compile(c, "moat_load", &v->load);
}

int moat_fields_make(const struct moat_fields *f, struct moat_view *v)
{
	struct code c = { .env = f->env, .convert = f->env->ops->convert_ctx_access };
	int err;

	/* The conversions are given room for CONVERTED instructions wherever they write. */
	c.insn = kvcalloc(f->nr * PER_FIELD + 2 * CONVERTED, sizeof(*c.insn), GFP_KERNEL);
	if (!c.insn)
		return -ENOMEM;
	err = make_prologue(&c, v);
	if (!err)
		err = make_copies(&c, f, v, false);
	if (!err)
		err = make_copies(&c, f, v, true);
	kvfree(c.insn);
	return err;
}

int moat_fields_copy(const struct moat_fields *f, bpf_convert_ctx_access_t convert, struct bpf_prog **made)
{
	struct code c = { .env = f->env, .convert = convert };
	struct moat_view v = { };
	int err;

	c.insn = kvcalloc(f->nr * PER_FIELD + 2 * CONVERTED, sizeof(*c.insn), GFP_KERNEL);
	if (!c.insn)
		return -ENOMEM;
	err = make_copies(&c, f, &v, false);
	*made = v.load;
	kvfree(c.insn);
	return err;
}

int moat_fields_pointer(struct bpf_verifier_env *env, u16 off, struct bpf_prog **made)
{
	const struct moat_field field = { .off = off, .bytes = sizeof(u64) };
	struct bpf_insn insn[2 * CONVERTED];
	struct code c = { .env = env, .convert = env->ops->convert_ctx_access, .insn = insn };
	int err = convert(&c, &field, BPF_READ);

	if (err)
		return err;
	put(&c, BPF_STX_MEM(BPF_DW, VIEW, HOST, 0));
	put_end(&c, 0);
	return compile(&c, "moat_socket", made);
}
