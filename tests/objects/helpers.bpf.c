/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Helpers and types of maps as C programs use them. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define MAP(name, kind, k, v, n, f)		\
	struct {				\
		__uint(type, kind);		\
		__uint(max_entries, n);		\
		__uint(map_flags, f);		\
		__type(key, k);			\
		__type(value, v);		\
	} name SEC(".maps")

struct prefix {
	__u32 bits;
	__u8 data[4];
};

MAP(hash, BPF_MAP_TYPE_HASH, __u32, __u64, 64, 0);
MAP(array, BPF_MAP_TYPE_ARRAY, __u32, __u64, 64, 0);
MAP(percpu, BPF_MAP_TYPE_PERCPU_HASH, __u32, __u64, 64, 0);
MAP(percpu_array, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, __u64, 4, 0);
MAP(lru, BPF_MAP_TYPE_LRU_HASH, __u32, __u64, 16, 0);
MAP(routes, BPF_MAP_TYPE_LPM_TRIE, struct prefix, __u32, 16, BPF_F_NO_PREALLOC);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_HASH);
		__uint(max_entries, 8);
		__type(key, __u32);
		__type(value, __u64);
	});
} outer SEC(".maps");

struct sums {
	__u64 keys, values, calls;
};

static long add(void *map, __u32 *key, __u64 *value, struct sums *s)
{
	s->keys += *key;
	s->values += *value;
	s->calls++;
	*value += 1;
	return s->calls == 1000;
}

static long add_nested(void *map, __u32 *key, __u64 *value, struct sums *s)
{
	struct sums inner = { 0 };
	__u32 before = *key;

	bpf_for_each_map_elem(&array, add, &inner, 0);
	/* The key of the outer element is still there after the inner walk. */
	s->keys += *key == before;
	s->calls += inner.calls;
	return 0;
}

/* Deletes the element that it sees. */
static long drop(void *map, __u32 *key, __u64 *value, struct sums *s)
{
	__u32 k = *key;

	s->calls += !bpf_map_delete_elem(&hash, &k);
	return 0;
}

SEC("moat")
long for_each(void *in)
{
	struct sums s = { 0 };
	__u64 v;
	__u32 k;
	long n;

	for (k = 0; k < 40; k++) {
		v = k * 3;
		bpf_map_update_elem(&hash, &k, &v, BPF_ANY);
	}
	n = bpf_for_each_map_elem(&hash, add, &s, 0);
	if (n != 40 || s.calls != 40 || s.keys != 780 || s.values != 2340)
		return 1;
	k = 7;
	__u64 *p = bpf_map_lookup_elem(&hash, &k);
	if (!p || *p != 22)
		return 2;
	s = (struct sums){ 0 };
	n = bpf_for_each_map_elem(&hash, add_nested, &s, 0);
	if (n != 40 || s.keys != 40 || s.calls != 40 * 64)
		return 3;
	s = (struct sums){ 0 };
	n = bpf_for_each_map_elem(&hash, drop, &s, 0);
	if (n != 40 || s.calls != 40)
		return 4;
	return bpf_for_each_map_elem(&hash, drop, &s, 0) ? 5 : 0;
}

static long count(__u32 i, __u64 *sum)
{
	*sum += i;
	return i == 99;
}

SEC("moat")
long loop(void *in)
{
	__u64 sum = 0;

	if (bpf_loop(50, count, &sum, 0) != 50 || sum != 1225)
		return 1;
	return bpf_loop(1000, count, &sum, 0) == 100 && sum == 1225 + 4950 ? 0 : 2;
}

SEC("moat")
long percpu_maps(void *in)
{
	__u32 k = 3, cpu = bpf_get_smp_processor_id();
	__u64 v = 5, *p, *q;

	if (bpf_map_update_elem(&percpu, &k, &v, BPF_NOEXIST) && bpf_map_update_elem(&percpu, &k, &v, BPF_EXIST))
		return 1;
	p = bpf_map_lookup_elem(&percpu, &k);
	q = bpf_map_lookup_percpu_elem(&percpu, &k, cpu);
	if (!p || p != q || *p != 5)
		return 2;
	q = bpf_map_lookup_percpu_elem(&percpu, &k, cpu ? 0 : 1);
	if (!q || p == q || bpf_map_lookup_percpu_elem(&percpu, &k, 100000))
		return 3;
	p = bpf_map_lookup_elem(&percpu_array, &k);
	q = bpf_map_lookup_percpu_elem(&percpu_array, &k, cpu);
	return p && p == q ? 0 : 4;
}

SEC("moat")
long lru_map(void *in)
{
	__u32 i, zero = 0, found = 0;
	__u64 v = 1;

	for (i = 0; i < 500; i++) {
		if (bpf_map_update_elem(&lru, &i, &v, BPF_ANY))
			return 1;
		if (!bpf_map_lookup_elem(&lru, &zero))
			return 2;
	}
	for (i = 0; i < 500; i++)
		found += !!bpf_map_lookup_elem(&lru, &i);
	return found == 16 ? 0 : 3;
}

SEC("moat")
long lpm_map(void *in)
{
	struct prefix net = { 8, { 10 } }, host = { 32, { 10, 1, 2, 3 } }, other = { 32, { 11, 1, 2, 3 } };
	__u32 v = 8, *p;

	if (bpf_map_update_elem(&routes, &net, &v, BPF_ANY))
		return 1;
	p = bpf_map_lookup_elem(&routes, &host);
	if (!p || *p != 8 || bpf_map_lookup_elem(&routes, &other))
		return 2;
	v = 32;
	if (bpf_map_update_elem(&routes, &host, &v, BPF_NOEXIST))
		return 3;
	p = bpf_map_lookup_elem(&routes, &host);
	if (!p || *p != 32 || bpf_map_delete_elem(&routes, &host))
		return 4;
	p = bpf_map_lookup_elem(&routes, &host);
	return p && *p == 8 ? 0 : 5;
}

struct event {
	__u64 number;
	char text[16];
};

/* Three records: one reserved, one given up, one copied. */
SEC("moat")
long ring(void *in)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0), *no, copy = { 2, "output" };

	if (!e)
		return 1;
	e->number = 1;
	__builtin_memcpy(e->text, "reserved", 9);
	no = bpf_ringbuf_reserve(&events, sizeof(*no), 0);
	if (!no)
		return 2;
	bpf_ringbuf_submit(e, 0);
	bpf_ringbuf_discard(no, 0);
	if (bpf_ringbuf_output(&events, &copy, sizeof(copy), 0))
		return 3;
	return bpf_ringbuf_query(&events, BPF_RB_RING_SIZE) == 65536 ? 0 : 4;
}

/* Ends while it holds a record. */
SEC("moat")
long forgets(void *in)
{
	return bpf_ringbuf_reserve(&events, 64, 0) ? 0 : 1;
}

SEC("moat")
long inner_maps(__u32 *in)
{
	__u32 which = *in, k = 9;
	__u64 v = 90, *p;
	void *map = bpf_map_lookup_elem(&outer, &which);

	if (!map)
		return -1;
	p = bpf_map_lookup_elem(map, &k);
	if (p)
		return ++*p;
	return bpf_map_update_elem(map, &k, &v, BPF_ANY) ? -2 : 0;
}

SEC("moat")
long messages(void *in)
{
	char buf[32], word[8] = "five";
	__u64 args[2] = { 5, (__u64)word };

	bpf_printk("one %d two %s", 1, "zwei");
	if (bpf_snprintf(buf, sizeof(buf), "%llu is %s", args, sizeof(args)) != 10)
		return 1;
	return buf[0] == '5' && buf[8] == 'e' && !buf[9] ? 0 : 2;
}
