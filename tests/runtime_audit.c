/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The audit of helper calls, and helpers behind it: calls as emitted code
 * makes them, with good arguments and with each kind of bad one.
 */
#include "helper_run.h"

static void map_arguments(void)
{
	struct moat_map *map = map_make(BPF_MAP_TYPE_HASH, 8, 16, 4, 0, NULL);
	struct moat_map *ro = map_make(BPF_MAP_TYPE_ARRAY, 4, 16, 4, BPF_F_RDONLY_PROG, NULL);
	struct moat_map *other = map_make(BPF_MAP_TYPE_HASH, 8, 16, 4, 0, NULL);
	struct moat_map *ring = map_make(BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0, NULL);
	u64 h = moat_domain_map(domain, map), h_ro = moat_domain_map(domain, ro), h_ring = moat_domain_map(domain, ring);
	u64 host = (uintptr_t)moat_host(0);

	memset(at(stack(512)), 0, 512);
	CHECK(call(BPF_FUNC_map_lookup_elem, h, stack(8), 0, 0, 0) == OK && ret == 0, "not there");
	CHECK(call(BPF_FUNC_map_update_elem, h, stack(8), stack(16), 0, 0) == OK && !ret, "%lld", (long long)ret);
	CHECK(call(BPF_FUNC_map_lookup_elem, h, stack(8), 0, 0, 0) == OK && ret, "there");
	CHECK(ret >= map->heap_off && ret + 16 <= map->heap_off + map->heap_bytes, "an offset: 0x%llx", (long long)ret);
	/* A value is memory of the program: it can be a key and a value in turn. */
	CHECK(call(BPF_FUNC_map_lookup_elem, h, ret, 0, 0, 0) == OK && ret, "a value as key");
	CHECK(call(BPF_FUNC_map_update_elem, h, stack(8), ret, 0, 0) == OK && !ret, "a value as value");

	CHECK(call(BPF_FUNC_map_lookup_elem, (uintptr_t)map, stack(8), 0, 0, 0) == 1, "a host pointer as map");
	CHECK(call(BPF_FUNC_map_lookup_elem, 0, stack(8), 0, 0, 0) == 1, "NULL");
	CHECK(call(BPF_FUNC_map_lookup_elem, h + 1, stack(8), 0, 0, 0) == 1, "no handle");
	CHECK(call(BPF_FUNC_map_lookup_elem, h + 800, stack(8), 0, 0, 0) == 1, "no handle");
	CHECK(call(BPF_FUNC_map_lookup_elem, h_ring, stack(8), 0, 0, 0) == 1, "a ring buffer");
	CHECK(call(BPF_FUNC_ringbuf_query, h, 0, 0, 0, 0) == 1, "a hash");
	CHECK(call(BPF_FUNC_map_lookup_elem, h, stack(7), 0, 0, 0) == 2, "one byte beyond the stack");
	CHECK(call(BPF_FUNC_map_lookup_elem, h, stack(MOAT_STACK_BYTES + 1), 0, 0, 0) == 2, "one byte before it");
	CHECK(call(BPF_FUNC_map_lookup_elem, h, 0, 0, 0, 0) == 2, "NULL");
	CHECK(call(BPF_FUNC_map_lookup_elem, h, 8, 0, 0, 0) == 2, "low");
	CHECK(call(BPF_FUNC_map_lookup_elem, h, host + other->heap_off, 0, 0, 0) == 2, "a map of nobody's");
	CHECK(call(BPF_FUNC_map_lookup_elem, h, (uintptr_t)&prog, 0, 0, 0) == 2, "host memory");
	CHECK(call(BPF_FUNC_map_update_elem, h, stack(8), stack(15), 0, 0) == 3, "a value too short");
	CHECK(call(BPF_FUNC_map_lookup_elem, h_ro, ro->heap_off, 0, 0, 0) == OK && ret, "read-only memory as key");
	CHECK(call(BPF_FUNC_map_update_elem, h_ro, stack(8), stack(16), 0, 0) == OK && (s64)ret == -EPERM, "read-only map");
	CHECK(call(BPF_FUNC_probe_read_kernel, ro->heap_off, 8, stack(8), 0, 0) == 1, "read-only memory as output");
	CHECK(call(BPF_FUNC_map_lookup_elem, h, ro->heap_off + 64 - 7, 0, 0, 0) == 2, "across a region's end");

	/* Without a base register the upper half counts. */
	domain->basereg = false;
	CHECK(call(BPF_FUNC_map_lookup_elem, h, (u32)stack(8), 0, 0, 0) == OK, "a plain offset");
	CHECK(call(BPF_FUNC_map_lookup_elem, h, 1ull << 32 | (u32)stack(8), 0, 0, 0) == 2, "upper half");
	CHECK(call(BPF_FUNC_map_lookup_elem, 1ull << 32 | h, (u32)stack(8), 0, 0, 0) == 1, "upper half");
	domain->basereg = true;
	moat_domain_unmap(domain, ring);
	CHECK(call(BPF_FUNC_ringbuf_query, h_ring, 0, 0, 0, 0) == 1, "a map that was taken away");
	moat_domain_unmap(domain, map);
	moat_domain_unmap(domain, ro);
	map_drop(map);
	map_drop(ro);
	map_drop(other);
	map_drop(ring);
}

static void sizes(void)
{
	char text[16] = "";

	CHECK(call(BPF_FUNC_get_current_comm, stack(16), 16, 0, 0, 0) == OK && !ret, "comm");
	pthread_getname_np(pthread_self(), text, sizeof(text));
	CHECK(!strcmp(at(stack(16)), text), "%s", (char *)at(stack(16)));
	CHECK(call(BPF_FUNC_get_current_comm, stack(16), 0, 0, 0, 0) == 2, "size 0");
	CHECK(call(BPF_FUNC_get_current_comm, stack(16), 17, 0, 0, 0) == 1, "too large for the stack");
	CHECK(call(BPF_FUNC_get_current_comm, stack(16), 1ull << 32 | 16, 0, 0, 0) == 2, "sizes have 64 bits");
	CHECK(call(BPF_FUNC_get_current_comm, stack(16), -1ull, 0, 0, 0) == 2, "negative");
	CHECK(call(BPF_FUNC_csum_diff, 0, 0, stack(8), 8, 0) == OK, "NULL of size 0");
	CHECK(call(BPF_FUNC_csum_diff, 0, 4, stack(8), 8, 0) == 1, "NULL of a size");
	CHECK(call(BPF_FUNC_csum_diff, stack(8), 8, 0, 4, 0) == 3, "NULL of a size");
	CHECK(call(BPF_FUNC_trace_vprintk, stack(8), 8, 0, 8, 0) == 3, "NULL of a size");
	CHECK(call(BPF_FUNC_snprintf, stack(8), 8, 0, 0, 8) == 4, "NULL of a size");
	CHECK(call(BPF_FUNC_csum_diff, (uintptr_t)text, 4, stack(8), 8, 0) == 1, "host memory");
	CHECK(call(BPF_FUNC_trace_printk, 0, 4, 0, 0, 0) == 1, "NULL");

	strcpy(at(stack(64)), "-42 x");
	CHECK(call(BPF_FUNC_strtol, stack(64), 6, 10, stack(8), 0) == OK && ret == 3, "%lld", (long long)ret);
	CHECK(*(s64 *)at(stack(8)) == -42, "%lld", (long long)*(s64 *)at(stack(8)));
	CHECK(call(BPF_FUNC_strtoul, stack(64), 6, 10, stack(8), 0) == OK && (s64)ret == -EINVAL, "negative");
	CHECK(call(BPF_FUNC_strtol, stack(64), 6, 10, stack(7), 0) == 4, "output without size argument");
}

static void reads(void)
{
	static const char secret[] = "secret of the host";

	strcpy(at(stack(64)), "own memory");
	memset(at(stack(32)), 'x', 32);
	CHECK(call(BPF_FUNC_probe_read_kernel, stack(32), 11, stack(64), 0, 0) == OK && !ret, "own");
	CHECK(!strcmp(at(stack(32)), "own memory"), "copied");
	CHECK(call(BPF_FUNC_probe_read_kernel, stack(32), 8, (uintptr_t)secret, 0, 0) == OK && (s64)ret == -EFAULT, "host");
	CHECK(!*(u64 *)at(stack(32)), "cleared");
	CHECK(call(BPF_FUNC_probe_read_kernel_str, stack(32), 4, stack(64), 0, 0) == OK && ret == 4 &&
	      !memcmp(at(stack(32)), "own", 4), "cut: %lld", (long long)ret);
	CHECK(call(BPF_FUNC_probe_read_kernel_str, stack(32), 32, stack(64), 0, 0) == OK && ret == 11, "whole");
	/* A string that runs into the end of what may be read. */
	memset(at(stack(4)), 'y', 4);
	CHECK(call(BPF_FUNC_probe_read_kernel_str, stack(32), 16, stack(4), 0, 0) == OK && ret != 5 &&
	      !strstr(at(stack(32)), "secret"), "%lld", (long long)ret);
}

static char printed[1200];

static void catch_print(enum moat_print_level level, const char *text)
{
	if (level == MOAT_INFO)
		snprintf(printed, sizeof(printed), "%s", text);
}

static void print(void)
{
	moat_set_print(catch_print);
	strcpy(at(stack(128)), "%d %llx %s|%5u|%-4x|%c %%\n");
	strcpy(at(stack(64)), "text");
	*(u64 *)at(stack(200)) = 0xfffffffffffffffeull;
	*(u64 *)at(stack(192)) = 0x123456789abull;
	*(u64 *)at(stack(184)) = stack(64);
	*(u64 *)at(stack(176)) = 1ull << 32 | 77;
	*(u64 *)at(stack(168)) = 0xa;
	*(u64 *)at(stack(160)) = 'q';
	CHECK(call(BPF_FUNC_trace_vprintk, stack(128), 30, stack(200), 48, 0) == OK, "call");
	CHECK(!strcmp(printed, "-2 123456789ab text|   77|a   |q %"), "'%s'", printed);
	CHECK(call(BPF_FUNC_trace_vprintk, stack(128), 30, stack(200), 40, 0) == OK && (s64)ret == -EINVAL, "too few");
	CHECK(call(BPF_FUNC_trace_vprintk, stack(128), 30, stack(200), 41, 0) == OK && (s64)ret == -EINVAL, "size");
	CHECK(call(BPF_FUNC_trace_vprintk, stack(128), 8, stack(200), 48, 0) == OK && (s64)ret == -EINVAL, "no end");

	strcpy(at(stack(128)), "[%s]");
	CHECK(call(BPF_FUNC_trace_printk, stack(128), 5, (uintptr_t)printed, 0, 0) == OK, "call");
	CHECK(!strcmp(printed, "[]"), "a host string is not read: '%s'", printed);
	strcpy(at(stack(128)), "%n");
	CHECK(call(BPF_FUNC_trace_printk, stack(128), 3, 0, 0, 0) == OK && (s64)ret == -EINVAL, "%%n");
	strcpy(at(stack(128)), "%999999999999d");
	CHECK(call(BPF_FUNC_trace_printk, stack(128), 15, 0, 0, 0) == OK, "a huge width does no harm");
	strcpy(at(stack(128)), "%u-%u");
	CHECK(call(BPF_FUNC_snprintf, stack(64), 4, stack(128), stack(168), 8) == OK && (s64)ret == -EINVAL, "too few");
	CHECK(call(BPF_FUNC_snprintf, stack(64), 4, stack(128), stack(176), 16) == OK && ret == 6 &&
	      !strcmp(at(stack(64)), "77-"), "%lld '%s'", (long long)ret, (char *)at(stack(64)));
	moat_set_print(NULL);
}

static void records(void)
{
	struct moat_map *ring = map_make(BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0, NULL);
	u64 h = moat_domain_map(domain, ring), first, second, i;

	CHECK(call(BPF_FUNC_ringbuf_reserve, h, 100, 0, 0, 0) == OK && ret, "reserve");
	first = ret;
	CHECK(call(BPF_FUNC_ringbuf_reserve, h, 4096, 0, 0, 0) == OK && !ret, "too large");
	CHECK(call(BPF_FUNC_ringbuf_reserve, h, 8, 1, 0, 0) == OK && !ret, "flags");
	CHECK(call(BPF_FUNC_ringbuf_reserve, h, 8, 0, 0, 0) == OK && ret, "reserve");
	second = ret;
	CHECK(call(BPF_FUNC_get_current_comm, first, 100, 0, 0, 0) == OK, "a record is memory of the program");
	CHECK(call(BPF_FUNC_ringbuf_submit, first + 8, 0, 0, 0, 0) == 1, "not the start of a record");
	CHECK(call(BPF_FUNC_ringbuf_submit, 0, 0, 0, 0, 0) == 1, "NULL");
	CHECK(call(BPF_FUNC_ringbuf_submit, (uintptr_t)&run->issued[0], 0, 0, 0, 0) == 1, "the host's own record");
	CHECK(call(BPF_FUNC_ringbuf_submit, first, 0, 0, 0, 0) == OK, "submit");
	CHECK(call(BPF_FUNC_ringbuf_submit, first, 0, 0, 0, 0) == 1, "twice");
	CHECK(call(BPF_FUNC_ringbuf_discard, first, 0, 0, 0, 0) == 1, "after submit");
	CHECK(call(BPF_FUNC_ringbuf_discard, second, 0, 0, 0, 0) == OK && !run->issued_busy, "discard");
	for (i = 0; i < MOAT_MAX_ISSUED; i++)
		CHECK(call(BPF_FUNC_ringbuf_reserve, h, 8, 0, 0, 0) == OK && ret, "%llu", (long long)i);
	CHECK(call(BPF_FUNC_ringbuf_reserve, h, 8, 0, 0, 0) == OK && !ret, "too many at once");
	moat_run_release(run);
	CHECK(!run->issued_busy, "released");
	strcpy(at(stack(64)), "out");
	CHECK(call(BPF_FUNC_ringbuf_output, h, stack(64), 4, 0, 0) == OK && !ret, "output");
	CHECK(call(BPF_FUNC_ringbuf_output, h, stack(64), 65, 0, 0) == 2, "beyond the stack");
	CHECK(call(BPF_FUNC_ringbuf_output, h, stack(64), 4, 8, 0) == OK && (s64)ret == -EINVAL, "flags");
	CHECK(call(BPF_FUNC_ringbuf_query, h, BPF_RB_AVAIL_DATA, 0, 0, 0) == OK && ret == 112 + 16 + 16 * 16 + 16,
	      "%llu", (long long)ret);
	moat_domain_unmap(domain, ring);
	map_drop(ring);
}

/* Callbacks: any function of the host serves, entered as emitted code is. */
static u64 calls, stop_after, key_sum, value_sum, last_ctx, last_map;

static u64 on_element(u64 r1, u64 r2, u64 r3, struct moat_frame *f, u64 r4)
{
	calls++;
	last_map = r1;
	key_sum += *(u32 *)at(r2);
	value_sum += *(u64 *)at(r3);
	last_ctx = r4;
	CHECK(moat_run_memory(run, r2, 4, MOAT_READ) && moat_run_memory(run, r3, 8, MOAT_WRITE), "reachable");
	return calls == stop_after;
}

static void callbacks(void)
{
	static const enum bpf_map_type types[] = { BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_LRU_HASH,
						   BPF_MAP_TYPE_PERCPU_HASH };
	typeof(*image.callback) entry = { .pc = 40, .at = 0 };
	u32 i, k;

	image.pc = (uintptr_t)on_element;
	image.callback = &entry;
	image.nr_callback = 1;
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		struct moat_map *map = map_make(types[i], 4, 8, 100, 0, NULL);
		u64 h = moat_domain_map(domain, map);

		for (k = 0; k < 100; k++)
			map->ops->update(map, &k, &(u64){ k * 2 }, 0, moat_self->cpu);
		calls = key_sum = value_sum = stop_after = 0;
		CHECK(call(BPF_FUNC_for_each_map_elem, h, 40, 0x1234, 0, 0) == OK && ret == 100, "%lld", (long long)ret);
		CHECK(calls == 100 && key_sum == 4950 && value_sum == 9900, "%llu calls", (long long)calls);
		CHECK(last_ctx == 0x1234 && last_map == h && !run->scratch, "what it got");
		calls = 0;
		stop_after = 10;
		CHECK(call(BPF_FUNC_for_each_map_elem, h, 40, 0, 0, 0) == OK && ret == 10, "%lld", (long long)ret);
		CHECK(call(BPF_FUNC_for_each_map_elem, h, 41, 0, 0, 0) == 2, "no callback");
		CHECK(call(BPF_FUNC_for_each_map_elem, h, (uintptr_t)on_element, 0, 0, 0) == 2, "an address");
		CHECK(call(BPF_FUNC_for_each_map_elem, h, 40, 0, 1, 0) == OK && (s64)ret == -EINVAL, "flags");
		moat_domain_unmap(domain, map);
		map_drop(map);
	}
	CHECK(call(BPF_FUNC_loop, 9, 0, 0, 0, 0) == 2, "no callback");
	CHECK(call(BPF_FUNC_loop, 1u << 24, 40, 0, 0, 0) == OK && (s64)ret == -E2BIG, "too many");
	CHECK(call(BPF_FUNC_loop, 9, 40, 0, 1, 0) == OK && (s64)ret == -EINVAL, "flags");
}

int main(void)
{
	moat_set_print(NULL);
	helper_begin();
	map_arguments();
	sizes();
	reads();
	print();
	records();
	callbacks();
	return check_done();
}
