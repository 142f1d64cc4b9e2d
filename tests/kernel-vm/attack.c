/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* See attack.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../check.h"
#include "attack.h"

#define FOLDER	"/sys/kernel/debug/moat/"

struct raw_program attack_text;
const u8 attack_packet[PACKET_BYTES] = {
	0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x08, 0x00, 0x45, 0, 0, 82, 0x5a, 0xa5, 0, 0, 64, 17, 0, 0, 10, 1, 0, 1,
	10, 1, 0, 2, 0x11, 0x22, 0x33, 0x44, 0, 62, 0, 0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa,
};
static int messages = -1;	/* /dev/kmsg */

u64 prey(const char *name)
{
	FILE *f = fopen(FOLDER "attack", "r");
	char word[64];
	u64 n = 0;
	bool found = false;

	while (f && !found && fscanf(f, "%63s %llu", word, (unsigned long long *)&n) == 2)
		found = !strcmp(word, name);
	if (f)
		fclose(f);
	if (!found)
		CHECK(false, "the kernel does not tell %s", name);
	return found ? n : 0;
}

bool fool(bool on)
{
	int fd = open(FOLDER "fooled", O_WRONLY);
	bool ok = fd >= 0 && write(fd, on ? "1" : "0", 1) == 1;

	if (fd >= 0)
		close(fd);
	return ok;
}

int attack_map(u32 flags, u64 word)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = flags);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "moat_attack", 4, VALUE_BYTES, 1, &opts);
	u64 value[VALUE_WORDS] = { word };
	u32 zero = 0;

	if (fd >= 0)
		bpf_map_update_elem(fd, &zero, value, BPF_ANY);
	return fd;
}

void attack_value(int map, u64 value[VALUE_WORDS])
{
	u32 zero = 0;

	memset(value, 0, VALUE_BYTES);
	bpf_map_lookup_elem(map, &zero, value);
}

int attack_bystander(int map)
{
	const struct bpf_insn insn[] = {
		LD_VALUE(1, map, 0), STX(BPF_DW, 1, 1, 8), LDX(BPF_DW, 2, 1, 16), ALU64_K(BPF_ADD, 2, 1),
		STX(BPF_DW, 1, 2, 16), MOV_K(0, 1), EXIT,
	};
	int prog = sys_load_logged(BPF_PROG_TYPE_SOCKET_FILTER, insn, ARRAY_SIZE(insn));
	u32 result;

	if (CHECK(prog >= 0, "a program is not loaded: %s", sys_log))
		CHECK(!sys_run(prog, attack_packet, PACKET_BYTES, 1, &result) && result == 1, "a program does not run");
	return prog;
}

bool attempt_open(struct attempt *a)
{
	raw_reset(&attack_text, "attack");
	a->prog = -1;
	a->own = attack_map(0, 0);
	a->hash = bpf_map_create(BPF_MAP_TYPE_HASH, "moat_attack", 8, 8, 16, NULL);
	a->events = bpf_map_create(BPF_MAP_TYPE_PERF_EVENT_ARRAY, "moat_attack", 4, 4, 64, NULL);
	put(MOV_X(7, 1), LD_VALUE(6, a->own, 0));
	return CHECK(a->own >= 0 && a->hash >= 0 && a->events >= 0, "no maps: %s", strerror(errno));
}

void attempt_close(struct attempt *a)
{
	close(a->prog);
	close(a->own);
	close(a->hash);
	close(a->events);
}

/* What the verifier said last that is not about itself. */
static void keep_refusal(struct attempt *a, int err)
{
	char *line, *rest, *last = NULL;

	for (line = strtok_r(sys_log, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (strncmp(line, "processed ", 10) && strncmp(line, "verification time", 17))
			last = line;
	snprintf(a->why, sizeof(a->why), "%.200s", last ? last : strerror(-err));
	a->end = ATTACK_REFUSED;
}

static void on_sample(void *arg, int cpu, void *data, u32 bytes)
{
	struct attempt *a = arg;

	(void)cpu;
	a->sample_bytes = bytes < sizeof(a->sample) ? bytes : sizeof(a->sample);
	memcpy(a->sample, data, a->sample_bytes);
}

/* Raw tracepoints take arguments, everything else a packet. */
static int run_once(const struct attempt *a, u32 *result)
{
	u64 args[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = sizeof(args));

	if (a->type != BPF_PROG_TYPE_RAW_TRACEPOINT)
		return sys_run(a->prog, a->packet ? a->packet : attack_packet, PACKET_BYTES, 1, result);
	if (bpf_prog_test_run_opts(a->prog, &opts))
		return -errno;
	*result = opts.retval;
	return 0;
}

/* What the kernel has said of isolated programs since the last time. */
static void read_messages(char *why, size_t size)
{
	char record[1024], *text;
	ssize_t n;

	if (messages < 0)
		messages = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	/* EPIPE: some were overwritten before they were read */
	while ((n = read(messages, record, sizeof(record) - 1)) > 0 || (n < 0 && errno == EPIPE)) {
		if (n < 0)
			continue;
		record[n] = 0;
		text = strchr(record, ';');
		if (!text || strncmp(text + 1, "moat: ", 6))
			continue;
		text[strcspn(text, "\n")] = 0;
		snprintf(why, size, "%s", text + 7);
	}
}

bool attempt_again(struct attempt *a)
{
	u32 result = 0;
	int err = run_once(a, &result);

	a->end = err ? ATTACK_ERROR : result == 1 ? ATTACK_RETURNED : ATTACK_FAULT;
	read_messages(a->why, sizeof(a->why));
	if (err)
		snprintf(a->why, sizeof(a->why), "it does not run: %s", strerror(-err));
	return a->end == ATTACK_RETURNED;
}

bool attempt_run(struct attempt *a)
{
	struct perf_buffer *events = perf_buffer__new(a->events, 8, on_sample, NULL, a, NULL);

	put(MOV_K(0, 1), EXIT);
	a->sample_bytes = 0;
	read_messages(a->why, sizeof(a->why));
	a->why[0] = 0;
	a->prog = a->user ? sys_load_unprivileged(a->type, attack_text.insn, attack_text.len) :
			    sys_load_logged(a->type, attack_text.insn, attack_text.len);
	if (a->prog < 0)
		keep_refusal(a, a->prog);
	else
		attempt_again(a);
	if (events)
		perf_buffer__consume(events);
	perf_buffer__free(events);
	attack_value(a->own, a->out);
	return a->end == ATTACK_RETURNED;
}
