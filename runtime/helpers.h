/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Built-in helpers: what their functions share.
 *
 * A function gets audited arguments (audit.c); in mode none it gets what the
 * program had in its registers: maps and memory are then real addresses, so
 * the same code does.  Only a record has to be looked up there.
 */
#ifndef MOAT_HELPERS_H
#define MOAT_HELPERS_H

#include <linux/filter.h>
#include <linux/if_ether.h>
#include "maps/maps.h"

typedef u64 moat_helper_fn(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct moat_run *run);

#define MOAT_HELPER(name) \
	u64 moat_help_##name(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct moat_run *run)

/* A pointer argument. */
static inline void *arg_ptr(u64 r)
{
	return (void *)(uintptr_t)r;
}

/* May the run touch all of [@p, @p + @bytes) with @rights?  Then its host address, else NULL. */
void *moat_run_memory(struct moat_run *run, u64 p, u64 bytes, u8 rights);

/* Objects issued to a run.  find: the one at that program address, NULL; issue: NULL when it holds too many. */
struct moat_issued *moat_issued_find(struct moat_run *run, enum moat_issued_kind kind, u64 p);
bool moat_issued_room(const struct moat_run *run);
struct moat_issued *moat_issue(struct moat_run *run, enum moat_issued_kind kind);
void moat_issued_done(struct moat_run *run, struct moat_issued *issued);
/* What @h returned becomes the run's: the handle that the program gets. */
u64 moat_issue_object(struct moat_run *run, const struct moat_helper *h, void *object);

/*
 * printf() over memory of programs (format.c).  @fmt is host memory and
 * terminated.  Returns the length that the text has, with the final zero, or
 * -EINVAL for a format that is not understood or wants more than @nr arguments.
 */
long moat_format(struct moat_run *run, char *out, size_t room, const char *fmt, const u64 *arg, u32 nr);
/* Copy a string of a program: at most @room bytes with the final zero.  Its length with that, or -EFAULT. */
long moat_run_string(struct moat_run *run, u64 p, char *to, size_t room);

/* Maps and loops (help_map.c) */
MOAT_HELPER(map_lookup_elem);
MOAT_HELPER(map_update_elem);
MOAT_HELPER(map_delete_elem);
MOAT_HELPER(map_lookup_percpu_elem);
MOAT_HELPER(for_each_map_elem);
MOAT_HELPER(loop);
MOAT_HELPER(tail_call);
MOAT_HELPER(ringbuf_output);
MOAT_HELPER(ringbuf_reserve);
MOAT_HELPER(ringbuf_submit);
MOAT_HELPER(ringbuf_discard);
MOAT_HELPER(ringbuf_query);

/* Time, numbers, the current task, strings (help_base.c) */
MOAT_HELPER(ktime_get_ns);
MOAT_HELPER(ktime_get_boot_ns);
MOAT_HELPER(ktime_get_coarse_ns);
MOAT_HELPER(ktime_get_tai_ns);
MOAT_HELPER(jiffies64);
MOAT_HELPER(get_prandom_u32);
MOAT_HELPER(get_smp_processor_id);
MOAT_HELPER(get_numa_node_id);
MOAT_HELPER(get_current_pid_tgid);
MOAT_HELPER(get_current_uid_gid);
MOAT_HELPER(get_current_comm);
MOAT_HELPER(probe_read);
MOAT_HELPER(probe_read_str);
MOAT_HELPER(strtol);
MOAT_HELPER(strtoul);
MOAT_HELPER(strncmp);
MOAT_HELPER(trace_printk);
MOAT_HELPER(trace_vprintk);
MOAT_HELPER(snprintf);

/* Packets (help_packet.c) */
MOAT_HELPER(skb_load_bytes);
MOAT_HELPER(skb_load_bytes_relative);
MOAT_HELPER(skb_store_bytes);
MOAT_HELPER(skb_pull_data);
MOAT_HELPER(skb_change_tail);
MOAT_HELPER(l3_csum_replace);
MOAT_HELPER(l4_csum_replace);
MOAT_HELPER(csum_diff);
MOAT_HELPER(redirect);
MOAT_HELPER(xdp_adjust_head);
MOAT_HELPER(xdp_adjust_tail);

#endif
