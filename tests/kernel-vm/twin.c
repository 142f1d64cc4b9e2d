/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* See twin.h. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "../interp.h"
#include "sys.h"
#include "twin.h"

/* Where the interpreter's memory is; the kernel's is elsewhere, and no result may depend on it. */
#define AT_BUFFER	0x10000000u
#define AT_ARRAY	0x20000000u
#define AT_STACK	0x30000000u
#define FRAME_BYTES	512
#define ARRAY_BYTES	(GEN_ARRAY_ELEMENTS * GEN_ARRAY_BYTES)
#define MAX_STEPS	4000000
#define ETH_BYTES	14

u64 twin_result, twin_code_bytes, twin_insns, twin_programs;
u8 *twin_buffer;
static u8 *array;
static int buffer_fd, array_fd, cpu;
static u8 packet[TWIN_BUFFER], buffer[TWIN_BUFFER], elements[ARRAY_BYTES], stack[INTERP_MAX_FRAMES * FRAME_BYTES];
static struct bpf_insn text_of[2][GEN_MAX_INSNS * 40];
enum { KERNEL, REFERENCE };

int twin_init(void)
{
	void *mem;

	cpu = sys_pin();
	buffer_fd = sys_array(TWIN_BUFFER, 1, &mem);
	if (buffer_fd < 0) {
		fprintf(stderr, "no array map: %s\n", strerror(-buffer_fd));
		return buffer_fd;
	}
	twin_buffer = mem;
	array_fd = sys_array(GEN_ARRAY_BYTES, GEN_ARRAY_ELEMENTS, &mem);
	if (array_fd < 0) {
		fprintf(stderr, "no array map: %s\n", strerror(-array_fd));
		return array_fd;
	}
	array = mem;
	return 0;
}

/* Replace the names of memory by what the kernel, resp. the interpreter, calls it. */
static void link_for(struct bpf_insn *in, u32 len, bool kernel)
{
	u32 i;

	for (i = 0; i + 1 < len; i++) {
		if (in[i].code != (BPF_LD | BPF_IMM | BPF_DW))
			continue;
		if (in[i].src_reg == BPF_PSEUDO_MAP_VALUE || in[i].src_reg == BPF_PSEUDO_MAP_FD) {
			bool is_buffer = in[i].imm == GEN_FD_BUFFER;

			if (kernel) {
				in[i].imm = is_buffer ? buffer_fd : array_fd;
			} else {
				in[i].imm = is_buffer ? AT_BUFFER : AT_ARRAY;
				in[i].src_reg = 0;
			}
		}
		i++;
	}
}

void twin_link(struct bpf_insn *insn, u32 len)
{
	link_for(insn, len, true);
}

static void link_program(const struct twin_case *c)
{
	memcpy(text_of[KERNEL], c->insn, c->len * sizeof(*c->insn));
	memcpy(text_of[REFERENCE], c->insn, c->len * sizeof(*c->insn));
	link_for(text_of[KERNEL], c->len, true);
	link_for(text_of[REFERENCE], c->len, false);
}

/* No map without a lock has BPF_F_LOCK, but a wrong index is found before that. */
static s64 update_answer(u32 key, u64 flags)
{
	if ((flags & ~(u64)BPF_F_LOCK) > BPF_EXIST)
		return -EINVAL;
	if (key >= GEN_ARRAY_ELEMENTS)
		return -E2BIG;
	if (flags & BPF_NOEXIST)
		return -EEXIST;
	return flags & BPF_F_LOCK ? -EINVAL : 0;
}

static bool loop(struct interp *it)
{
	u64 n = it->reg[1], function = it->reg[2], address = it->reg[3], i;

	for (i = 0; i < n; i++) {
		it->reg[1] = i;
		it->reg[2] = address;
		if (!interp_call(it, (u32)function) || it->reg[0])
			return false;
	}
	it->reg[0] = n;
	return true;
}

/* The helpers' answers, from uapi/linux/bpf.h and kernel/bpf/arraymap.c. */
static bool helper(struct interp *it, int32_t id)
{
	u32 *key = (u32 *)interp_memory(it, it->reg[2], 4, false);
	u8 *mem;

	switch (id) {
	case BPF_FUNC_map_lookup_elem:
		if (!key)
			return false;
		it->reg[0] = *key < GEN_ARRAY_ELEMENTS ? AT_ARRAY + *key * GEN_ARRAY_BYTES : 0;
		return true;
	case BPF_FUNC_map_update_elem:
		mem = interp_memory(it, it->reg[3], GEN_ARRAY_BYTES, false);
		if (!key || !mem)
			return false;
		it->reg[0] = (u64)update_answer(*key, it->reg[4]);
		if (!it->reg[0])
			memcpy(elements + *key * GEN_ARRAY_BYTES, mem, GEN_ARRAY_BYTES);
		return true;
	case BPF_FUNC_probe_read_kernel:
		mem = interp_memory(it, it->reg[1], it->reg[2], true);
		if (!mem || it->reg[3] >= 4096)
			return false;
		memset(mem, 0, it->reg[2]);
		it->reg[0] = (u64)-EFAULT;
		return true;
	case BPF_FUNC_get_smp_processor_id:
		it->reg[0] = (u64)cpu;
		return true;
	case BPF_FUNC_loop:
		return loop(it);
	}
	return false;
}

static enum interp_end interpret(const struct twin_case *c, struct interp *it)
{
	u32 skip = c->type == BPF_PROG_TYPE_SOCKET_FILTER ? ETH_BYTES : 0;

	*it = (struct interp){
		.insn = text_of[REFERENCE], .len = c->len, .nr_region = 3, .packet = packet + skip,
		.packet_bytes = sizeof(packet) - skip, .stride = FRAME_BYTES, .helper = helper,
		.scratch = 0x5c5c5c5c5c5c5c5cull, .max_steps = MAX_STEPS,
	};
	it->region[0] = (struct interp_region){ AT_BUFFER, sizeof(buffer), buffer, true };
	it->region[1] = (struct interp_region){ AT_ARRAY, sizeof(elements), elements, true };
	it->region[2] = (struct interp_region){ AT_STACK, sizeof(stack), stack, true };
	it->reg[1] = it->scratch;
	it->reg[10] = AT_STACK + sizeof(stack);
	return interp_run(it);
}

static void fill(u8 *to, u32 bytes, u64 *rng)
{
	u32 i;

	for (i = 0; i < bytes; i += 8) {
		u64 v = gen_random(rng);

		memcpy(to + i, &v, 8);
	}
}

static void set_memory(u64 seed)
{
	u64 rng = seed ^ 0x6d656d;

	fill(packet, sizeof(packet), &rng);
	fill(buffer, sizeof(buffer), &rng);
	fill(elements, sizeof(elements), &rng);
	memcpy(twin_buffer, buffer, sizeof(buffer));
	memcpy(array, elements, sizeof(elements));
}

static bool differs(const char *what, const u8 *is, const u8 *should, u32 bytes, char text[TWIN_TEXT])
{
	u64 a, b;
	u32 i;

	for (i = 0; i < bytes && is[i] == should[i]; i++)
		;
	if (i == bytes)
		return false;
	i &= ~7u;
	memcpy(&a, is + i, 8);
	memcpy(&b, should + i, 8);
	snprintf(text, TWIN_TEXT, "%s at %u: the kernel left %016llx, the interpreter %016llx", what, i,
		 (unsigned long long)a, (unsigned long long)b);
	return true;
}

/* The line that says why: the last one before the statistics. */
static void why_refused(int err, char text[TWIN_TEXT])
{
	char *end = strstr(sys_log, "\nprocessed "), *start;

	if (!end)
		end = sys_log + strlen(sys_log);
	*end = 0;
	start = strrchr(sys_log, '\n');
	snprintf(text, TWIN_TEXT, "%s: %.300s", strerror(-err), start ? start + 1 : sys_log);
}

static enum twin_end run_both(const struct twin_case *c, int fd, char text[TWIN_TEXT])
{
	struct interp it;
	enum interp_end end;
	u32 retval, bytes = sys_code_bytes(fd);
	int err;

	if (!bytes) {
		snprintf(text, TWIN_TEXT, "it is not JITed");
		return TWIN_DIFFERENT;
	}
	twin_programs++;
	twin_code_bytes += bytes;
	twin_insns += c->len;
	set_memory(c->seed);
	end = interpret(c, &it);
	if (end == INTERP_STEPS)
		return TWIN_LONG;
	if (end != INTERP_EXIT) {
		snprintf(text, TWIN_TEXT, "the interpreter ends with %s at %u", interp_end_name(end), it.pc);
		return TWIN_DIFFERENT;
	}
	twin_result = it.reg[0];
	err = sys_run(fd, packet, sizeof(packet), 1, &retval);
	if (err) {
		snprintf(text, TWIN_TEXT, "it does not run: %s", strerror(-err));
		return TWIN_DIFFERENT;
	}
	if (differs("buffer", twin_buffer, buffer, sizeof(buffer), text) ||
	    differs("array", array, elements, sizeof(elements), text))
		return TWIN_DIFFERENT;
	if (retval != (u32)it.reg[0]) {
		snprintf(text, TWIN_TEXT, "the kernel's result is %08x, the interpreter's %08x", retval, (u32)it.reg[0]);
		return TWIN_DIFFERENT;
	}
	return TWIN_SAME;
}

enum twin_end twin_run(const struct twin_case *c, char text[TWIN_TEXT])
{
	enum twin_end end;
	int fd;

	if (c->len > ARRAY_SIZE(text_of[0])) {
		snprintf(text, TWIN_TEXT, "%u instructions are too many", c->len);
		return TWIN_REFUSED;
	}
	link_program(c);
	fd = (c->unprivileged ? sys_load_unprivileged : sys_load_logged)(c->type, text_of[KERNEL], c->len);
	if (fd < 0) {
		why_refused(fd, text);
		return TWIN_REFUSED;
	}
	end = run_both(c, fd, text);
	close(fd);
	return end;
}
