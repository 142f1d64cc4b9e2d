/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Variables in every kind of data section. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 factor = 3;
static const volatile __u32 table[4] = { 10, 20, 30, 40 };
__u64 counter = 100;
static volatile __u64 pair[2] = { 5, 6 };
__u64 zeroes[3];
static volatile __u32 hidden;
__u32 extra SEC(".data.extra") = 77;
const volatile __u32 constant SEC(".rodata.extra") = 1000;

struct input {
	__u32 index;
	__u32 add;
};

SEC("moat")
long sum(struct input *in, long bytes)
{
	if (bytes != sizeof(*in))
		return -1;
	counter += in->add;
	zeroes[1]++;
	hidden += 2;
	pair[1]++;
	return factor * table[in->index & 3] + extra + constant + pair[0];
}

SEC("moat")
long state(void *in, long bytes)
{
	return counter << 32 | zeroes[1] << 16 | hidden << 8 | pair[1];
}

SEC("moat")
long write_constant(void *in, long bytes)
{
	__u32 *p = (__u32 *)&factor;

	asm volatile("" : "+r"(p));	/* or the compiler would see what it is, and leave the store out */
	*p = 4;
	return 0;
}
