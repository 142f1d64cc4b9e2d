/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Calls with every kind of argument: programs, maps and what a run holds. */
#include "gate_world.h"
#include "gen.h"
#include "insns.h"

enum { USE = 9401, FLAGS, OTHER, PEEK, MAYBE };

struct moat_map *gate_map[6];
u32 gate_record, gate_handle[2];
int gate_object[2];
static u64 rng = 99;

u32 below(u32 n)
{
	return gen_random(&rng) % n;
}

static u64 nothing(u64 a, u64 b, u64 c, u64 d, u64 e, struct moat_run *r)
{
	return 0;
}

static u64 other(u64 a, u64 b, u64 c, u64 d, u64 e, struct moat_run *r)
{
	return 1;
}

#define FN(f)	((__u64 (*)(void))(void (*)(void))(f))

static const struct moat_helper host[] = {
	{ .id = USE, .name = "use", .fn = FN(nothing), .arg = { { MOAT_ARG_OBJECT, .object = 7, .released = 1 },
	  { MOAT_ARG_SCALAR } } },
	{ .id = FLAGS, .name = "flags", .fn = FN(nothing), .arg = { { MOAT_ARG_FLAGS, .allowed = 5 },
	  { MOAT_ARG_FLAGS, .allowed = 0xff } } },
	{ .id = OTHER, .name = "other", .fn = FN(other), .ret = MOAT_RET_MEM,
	  .arg = { { MOAT_ARG_OBJECT, .object = 8 } } },
	{ .id = PEEK, .name = "peek", .fn = FN(nothing), .arg = { { MOAT_ARG_MEM, .bytes = 8 },
	  { MOAT_ARG_MEM_OUT, .bytes = 100 }, { MOAT_ARG_MEM, .bytes = 16, .nullable = 1 } } },
	{ .id = MAYBE, .name = "maybe", .fn = FN(nothing), .arg = { { MOAT_ARG_MAP, .nullable = 1 },
	  { MOAT_ARG_SCALAR } } },
};

#define PLAIN	BPF_PROG_TYPE_UNSPEC
#define TC	BPF_PROG_TYPE_SCHED_CLS

/* Maps by handle: 8 a hash (8, 16), 16 an array (4, 64), 24 a read-only array (4, 16), 32 a ring buffer, 40 programs. */
static const struct bpf_insn maps[] = {
	LDX(BPF_DW, 6, 1, 0), ST(BPF_DW, 10, -8, 5), LDDW(1, 8), MOV_X(2, 10), ALU64_K(BPF_ADD, 2, -8), MOV_X(3, 10), ALU64_K(BPF_ADD, 3, -24),
	MOV_K(4, 0), CALL(BPF_FUNC_map_update_elem),
	ALU64_K(BPF_AND, 6, 1), ALU64_K(BPF_LSH, 6, 3), ALU64_K(BPF_ADD, 6, 8), MOV_X(1, 6),
	MOV_X(2, 10), ALU64_K(BPF_ADD, 2, -8), CALL(BPF_FUNC_map_lookup_elem), JMP_K(BPF_JNE, 0, 0, 1), EXIT,
	LDDW(1, 8), MOV_X(2, 10), ALU64_X(BPF_ADD, 2, 6), ALU64_K(BPF_ADD, 2, -100), CALL(BPF_FUNC_map_delete_elem),
	ST(BPF_W, 10, -4, 1), LDDW(1, 16), MOV_X(2, 10), ALU64_K(BPF_ADD, 2, -4), MOV_K(3, 0), CALL(BPF_FUNC_map_update_elem),
	LDDW(1, 8), MOV_X(2, 10), ALU64_K(BPF_ADD, 2, -8), CALL(BPF_FUNC_map_lookup_elem), JMP_K(BPF_JNE, 0, 0, 1), EXIT,
	MOV_X(1, 0), ALU64_K(BPF_ADD, 1, 4), MOV_K(2, 8), CALL(BPF_FUNC_get_current_comm), EXIT,
};

static const struct bpf_insn numbers[] = {
	LDX(BPF_DW, 6, 1, 0), LDX(BPF_DW, 7, 1, 8), MOV_X(2, 6), ALU64_K(BPF_AND, 2, 0x3c), MOV_X(1, 10), ALU64_K(BPF_ADD, 1, -64),
	JMP_K(BPF_JEQ, 2, 0, 1), CALL(BPF_FUNC_get_current_comm),
	MOV_X(1, 10), ALU64_K(BPF_ADD, 1, -64), MOV_K(2, 16), MOV_K(3, 10), MOV_X(4, 10), ALU64_K(BPF_ADD, 4, -8),
	CALL(BPF_FUNC_strtol),
	LDDW(1, 32), MOV_X(2, 10), ALU64_K(BPF_ADD, 2, -48), MOV_X(3, 6), ALU64_K(BPF_AND, 3, 31), MOV_X(4, 7),
	CALL(BPF_FUNC_ringbuf_output),
	MOV_X(1, 10), ALU64_K(BPF_ADD, 1, -40), MOV_K(2, 40), MOV_X(3, 7), MOV_X(4, 10), ALU64_K(BPF_ADD, 4, -80), MOV_K(5, 8),
	CALL(BPF_FUNC_snprintf),
	MOV_X(1, 7), MOV_X(2, 6), MOV_X(3, 7), CALL(BPF_FUNC_probe_read_kernel),
	MOV_K(1, 4), MOV_X(2, 7), CALL(FLAGS), MOV_X(1, 7), ALU64_K(BPF_AND, 1, 1), MOV_K(2, 255), CALL(FLAGS),
	MOV_X(1, 10), ALU64_K(BPF_ADD, 1, -64), LDDW(2, 0x5555), MOV_K(3, 0), CALL(PEEK),
	MOV_X(1, 7), MOV_X(2, 6), MOV_X(3, 10), ALU64_K(BPF_ADD, 3, -16), CALL(PEEK), CALL(BPF_FUNC_ktime_get_ns), EXIT,
};

static const struct bpf_insn objects[] = {
	LDX(BPF_DW, 6, 1, 0), LDDW(1, 32), MOV_K(2, 8), MOV_K(3, 0), CALL(BPF_FUNC_ringbuf_reserve),
	JMP_K(BPF_JNE, 0, 0, 1), EXIT, MOV_X(1, 0), MOV_K(2, 0), CALL(BPF_FUNC_ringbuf_submit),
	MOV_X(1, 6), MOV_X(2, 6), CALL(BPF_FUNC_ringbuf_discard), MOV_X(1, 6), MOV_K(2, 3), CALL(USE), MOV_X(1, 6), CALL(OTHER),
	LDDW(1, 24), MOV_X(2, 6), CALL(MAYBE), MOV_K(1, 0), MOV_K(2, 0), CALL(MAYBE), MOV_X(1, 6), MOV_X(2, 6), CALL(MAYBE),
	MOV_K(1, 4), LD_FUNC(2, 12), MOV_X(3, 10), ALU64_K(BPF_ADD, 3, -8), MOV_K(4, 0), CALL(BPF_FUNC_loop),
	MOV_X(1, 6), MOV_X(2, 6), MOV_X(3, 6), MOV_K(4, 0), CALL(BPF_FUNC_loop), MOV_K(0, 0), EXIT,
	MOV_X(1, 10), ALU64_K(BPF_ADD, 1, -16), MOV_K(2, 16), CALL(BPF_FUNC_get_current_comm), MOV_K(0, 0), EXIT,
};

static const struct bpf_insn packets[] = {
	MOV_X(9, 1), LDX(BPF_W, 6, 9, 0), MOV_X(1, 9), MOV_X(2, 6), ALU64_K(BPF_AND, 2, 0x3c), MOV_X(3, 10), ALU64_K(BPF_ADD, 3, -8),
	MOV_K(4, 8), CALL(BPF_FUNC_skb_load_bytes),
	LDX(BPF_W, 7, 9, offsetof(struct __sk_buff, data)), LDX(BPF_W, 8, 9, offsetof(struct __sk_buff, data_end)),
	MOV_X(2, 7), ALU64_K(BPF_ADD, 2, 20), JMP_X(BPF_JLE, 2, 8, 1), EXIT,
	MOV_X(1, 7), MOV_K(2, 20), MOV_K(3, 0), MOV_K(4, 0), MOV_X(5, 6), CALL(BPF_FUNC_csum_diff),
	MOV_K(1, 0), MOV_K(2, 0), JMP_K(BPF_JEQ, 6, 0, 3), MOV_X(1, 10), ALU64_K(BPF_ADD, 1, -16), MOV_K(2, 8), MOV_X(3, 10),
	ALU64_K(BPF_ADD, 3, -8), MOV_K(4, 8), MOV_K(5, 0), CALL(BPF_FUNC_csum_diff),
	LDDW(3, 40), MOV_X(1, 9), MOV_X(2, 3), MOV_X(3, 6), CALL(BPF_FUNC_tail_call), MOV_K(0, 0), EXIT,
};

#define GATED(n, t)	{ .name = #n, .insn = n, .len = ARRAY_SIZE(n), .type = t }
struct gated gated[] = { GATED(maps, PLAIN), GATED(numbers, PLAIN), GATED(objects, PLAIN), GATED(packets, TC) };
const u32 nr_gated = ARRAY_SIZE(gated);

/* Set-up ------------------------------------------------------------------- */

static void hold(void)
{
	struct moat_issued *i = moat_issue(run, MOAT_ISSUED_RINGBUF);
	u32 k;

	i->map = gate_map[3];
	i->off = gate_record = gate_map[3]->heap_off + 64;
	for (k = 0; k < 2; k++) {
		i = moat_issue(run, MOAT_ISSUED_OBJECT);
		i->type = 7 + k;
		i->off = gate_handle[k] = 0x8010 + 16 * k;
		i->object = &gate_object[k];
	}
}

void gates_begin(void)
{
	u32 i;

	helper_begin();
	map_owner.helpers = host;
	map_owner.nr_helpers = ARRAY_SIZE(host);
	gate_map[0] = map_make(BPF_MAP_TYPE_HASH, 8, 16, 16, 0, NULL);
	gate_map[1] = map_make(BPF_MAP_TYPE_ARRAY, 4, 64, 16, 0, NULL);
	gate_map[2] = map_make(BPF_MAP_TYPE_ARRAY, 4, 16, 4, BPF_F_RDONLY_PROG, NULL);
	gate_map[3] = map_make(BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0, NULL);
	gate_map[4] = map_make(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 4, 0, NULL);
	for (i = 0; i < 5; i++)
		CHECK(gate_map[i] && moat_domain_map(domain, gate_map[i]) == 8 * (i + 1), "map %u", i);
	run->ctx_bytes = 64;
	run->data = run->slot->off + MOAT_VIEW_PACKET + MOAT_HEADROOM;
	run->data_end = run->data + 60;
	hold();
}

void gates_end(void)
{
	u32 i;

	moat_self->run = NULL;
	for (i = 0; i < 5; i++) {
		moat_domain_unmap(domain, gate_map[i]);
		map_drop(gate_map[i]);
	}
}

static bool is_host_call(const struct bpf_insn *insn)
{
	return insn->code == (BPF_JMP | BPF_CALL) && !insn->src_reg;
}

static void put_in_place(struct gated *w)
{
	/* An address in the values of the array, for what is marked so in the text. */
	struct bpf_insn *insn = w->prog.insn;
	u32 i;

	for (i = 0; i < w->len; i++)
		if (insn[i].code == (BPF_LD | BPF_IMM | BPF_DW) && insn[i].imm == 0x5555)
			insn[i].imm = gate_map[1]->heap_off + 128;
}

static void add_callbacks(struct moat_image *img)
{
	const struct bpf_insn *insn = img->prog->insn;
	u32 i;

	img->callback = calloc(img->prog->len, sizeof(*img->callback));
	for (i = 0; i < img->prog->len; i++)
		if (insn[i].code == (BPF_LD | BPF_IMM | BPF_DW) && insn[i].src_reg == BPF_PSEUDO_FUNC)
			img->callback[img->nr_callback++].pc = i + insn[i].imm + 1;
}

static void make_gate(struct gated *w, u32 i, const struct broken_maker *broken)
{
	const struct moat_helper *h = moat_helper_find(&map_owner, w->img.site[i].helper, w->type);

	if (broken && broken->record)
		broken->record(&w->img.record[i], h);
	moat_gate_make(&w->img.gate[i], &w->prog, h, &w->img.record[i]);
	if (broken && broken->gate)
		broken->gate(&w->img.gate[i]);
}

void gated_make(struct gated *w, const struct broken_maker *broken)
{
	struct moat_image *img = &w->img;
	u32 i;

	w->prog = (struct moat_program) { .obj = &map_owner, .name = (char *)w->name, .type = w->type, .len = w->len,
					  .domain = domain, .insn = malloc(w->len * sizeof(*w->insn)) };
	memcpy(w->prog.insn, w->insn, w->len * sizeof(*w->insn));
	put_in_place(w);
	img->prog = &w->prog;
	img->site = calloc(w->len, sizeof(*img->site));
	for (i = 0; i < w->len; i++)
		if (is_host_call(&w->prog.insn[i]))
			img->site[img->nr_site++] = (struct moat_site) { i, w->prog.insn[i].imm };
	img->gate = calloc(img->nr_site, sizeof(*img->gate));
	w->nr_call = img->nr_site;
	add_callbacks(img);
	CHECK(!moat_program_records(&w->prog, &img->record, &img->nr_record), "%s: no records", w->name);
	for (i = 0; i < img->nr_site; i++)
		make_gate(w, i, broken);
}

void gated_free(struct gated *w)
{
	u32 i;

	for (i = 0; i < w->img.nr_site; i++)
		moat_gate_free(&w->img.gate[i]);
	free(w->start);
	free(w->nr_start);
	free(w->prog.insn);
	free(w->img.site);
	free(w->img.gate);
	free(w->img.record);
	free(w->img.callback);
	memset(&w->img, 0, sizeof(w->img));
	memset(&w->prog, 0, sizeof(w->prog));
	w->start = NULL;
	w->nr_start = NULL;
}
