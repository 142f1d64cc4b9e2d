// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which helpers of the kernel isolated programs may call, whatever their arguments.
 *
 * What is not in the table is refused: a helper of a later kernel until
 * somebody has looked at what it gives to a program, and what it does for one.
 * That a helper is in the table does not say that it has an isolated form:
 * proto.c has the last word.
 */
#include "gate.h"

/* What a helper gives, or does. */
enum {
	UNKNOWN,
	NUMBER,		/* numbers, from numbers and the program's own memory */
	MAP,		/* works on a map */
	CONTEXT,	/* works on the context or the packet */
	SOCKET,		/* works on a socket, which it is given or gives */
	EFFECT,		/* does something to a task or a function */
	READS,		/* reads memory of the kernel where the program says */
	REVEALS,	/* gives addresses of the kernel */
	HOLDS,		/* calls back while it holds a lock of its map */
	KINDS,
	ANYONE = 0x80,	/* programs of those without CAP_BPF may, too */
};

#define IS(kind, name)	[BPF_FUNC_##name] = (kind)

static const u8 kind_of[__BPF_FUNC_MAX_ID] = {
	IS(NUMBER | ANYONE, ktime_get_ns), IS(NUMBER | ANYONE, ktime_get_boot_ns), IS(NUMBER | ANYONE, ktime_get_tai_ns),
	IS(NUMBER | ANYONE, get_prandom_u32), IS(NUMBER | ANYONE, get_smp_processor_id), IS(NUMBER | ANYONE, get_numa_node_id),
	IS(NUMBER | ANYONE, strncmp), IS(NUMBER | ANYONE, strtol), IS(NUMBER | ANYONE, strtoul),
	IS(NUMBER, ktime_get_coarse_ns), IS(NUMBER, jiffies64), IS(NUMBER, get_current_pid_tgid),
	IS(NUMBER, get_current_uid_gid), IS(NUMBER, get_current_comm), IS(NUMBER, get_current_cgroup_id),
	IS(NUMBER, get_current_ancestor_cgroup_id), IS(NUMBER, get_ns_current_pid_tgid), IS(NUMBER, csum_diff),
	IS(NUMBER, loop), IS(NUMBER, get_retval), IS(NUMBER, set_retval), IS(NUMBER, get_func_arg_cnt),
	IS(NUMBER, tcp_raw_gen_syncookie_ipv4), IS(NUMBER, tcp_raw_gen_syncookie_ipv6),
	IS(NUMBER, tcp_raw_check_syncookie_ipv4), IS(NUMBER, tcp_raw_check_syncookie_ipv6),

	IS(MAP | ANYONE, map_lookup_elem), IS(MAP | ANYONE, map_update_elem), IS(MAP | ANYONE, map_delete_elem),
	IS(MAP | ANYONE, map_lookup_percpu_elem), IS(MAP | ANYONE, map_push_elem), IS(MAP | ANYONE, map_pop_elem),
	IS(MAP | ANYONE, map_peek_elem), IS(MAP | ANYONE, tail_call), IS(MAP | ANYONE, perf_event_output),
	IS(MAP | ANYONE, ringbuf_output), IS(MAP | ANYONE, ringbuf_reserve), IS(MAP | ANYONE, ringbuf_submit),
	IS(MAP | ANYONE, ringbuf_discard), IS(MAP | ANYONE, ringbuf_query), IS(MAP | ANYONE, get_local_storage),
	IS(MAP, for_each_map_elem), IS(MAP, perf_event_read), IS(MAP, perf_event_read_value), IS(MAP, get_stackid), IS(MAP, redirect_map),
	IS(MAP, skb_under_cgroup), IS(MAP, current_task_under_cgroup), IS(MAP, sock_map_update), IS(MAP, sock_hash_update),
	IS(MAP, sk_redirect_map), IS(MAP, sk_redirect_hash), IS(MAP, msg_redirect_map), IS(MAP, msg_redirect_hash),
	IS(MAP, sk_select_reuseport), IS(MAP, sk_storage_get), IS(MAP, sk_storage_delete), IS(MAP, task_storage_get),
	IS(MAP, task_storage_delete), IS(MAP, inode_storage_get), IS(MAP, inode_storage_delete),

	IS(CONTEXT | ANYONE, skb_load_bytes), IS(CONTEXT | ANYONE, skb_load_bytes_relative),
	IS(CONTEXT | ANYONE, get_socket_cookie), IS(CONTEXT | ANYONE, get_socket_uid),
	IS(CONTEXT, skb_store_bytes), IS(CONTEXT, l3_csum_replace), IS(CONTEXT, l4_csum_replace), IS(CONTEXT, csum_update),
	IS(CONTEXT, csum_level), IS(CONTEXT, clone_redirect), IS(CONTEXT, redirect), IS(CONTEXT, redirect_neigh),
	IS(CONTEXT, redirect_peer), IS(CONTEXT, skb_vlan_push), IS(CONTEXT, skb_vlan_pop), IS(CONTEXT, skb_change_proto),
	IS(CONTEXT, skb_change_type), IS(CONTEXT, skb_change_tail), IS(CONTEXT, skb_change_head),
	IS(CONTEXT, skb_pull_data), IS(CONTEXT, skb_adjust_room), IS(CONTEXT, skb_ecn_set_ce), IS(CONTEXT, skb_set_tstamp),
	IS(CONTEXT, skb_get_tunnel_key), IS(CONTEXT, skb_set_tunnel_key), IS(CONTEXT, skb_get_tunnel_opt),
	IS(CONTEXT, skb_set_tunnel_opt), IS(CONTEXT, skb_get_xfrm_state), IS(CONTEXT, skb_cgroup_id),
	IS(CONTEXT, skb_ancestor_cgroup_id), IS(CONTEXT, skb_cgroup_classid), IS(CONTEXT, get_cgroup_classid),
	IS(CONTEXT, get_route_realm), IS(CONTEXT, get_hash_recalc), IS(CONTEXT, set_hash), IS(CONTEXT, set_hash_invalid),
	IS(CONTEXT, get_netns_cookie), IS(CONTEXT, fib_lookup), IS(CONTEXT, check_mtu), IS(CONTEXT, lwt_push_encap),
	IS(CONTEXT, lwt_seg6_store_bytes), IS(CONTEXT, lwt_seg6_adjust_srh), IS(CONTEXT, lwt_seg6_action),
	IS(CONTEXT, xdp_adjust_head), IS(CONTEXT, xdp_adjust_tail), IS(CONTEXT, xdp_adjust_meta),
	IS(CONTEXT, xdp_get_buff_len), IS(CONTEXT, xdp_load_bytes), IS(CONTEXT, xdp_store_bytes),
	IS(CONTEXT, setsockopt), IS(CONTEXT, getsockopt), IS(CONTEXT, bind), IS(CONTEXT, sock_ops_cb_flags_set),
	IS(CONTEXT, load_hdr_opt), IS(CONTEXT, store_hdr_opt), IS(CONTEXT, reserve_hdr_opt),
	IS(CONTEXT, msg_apply_bytes), IS(CONTEXT, msg_cork_bytes), IS(CONTEXT, msg_pull_data), IS(CONTEXT, msg_push_data),
	IS(CONTEXT, msg_pop_data), IS(CONTEXT, sysctl_get_name), IS(CONTEXT, sysctl_get_current_value),
	IS(CONTEXT, sysctl_get_new_value), IS(CONTEXT, sysctl_set_new_value), IS(CONTEXT, get_attach_cookie),
	IS(CONTEXT, perf_prog_read_value), IS(CONTEXT, rc_repeat), IS(CONTEXT, rc_keydown), IS(CONTEXT, rc_pointer_rel),

	IS(SOCKET, sk_lookup_tcp), IS(SOCKET, sk_lookup_udp), IS(SOCKET, skc_lookup_tcp), IS(SOCKET, sk_release),
	IS(SOCKET, sk_fullsock), IS(SOCKET, tcp_sock), IS(SOCKET, get_listener_sock), IS(SOCKET, sk_assign),
	IS(SOCKET, tcp_check_syncookie), IS(SOCKET, tcp_gen_syncookie), IS(SOCKET, sk_cgroup_id),
	IS(SOCKET, sk_ancestor_cgroup_id), IS(SOCKET, tcp_send_ack),

	IS(EFFECT, send_signal), IS(EFFECT, send_signal_thread), IS(EFFECT, override_return), IS(EFFECT, probe_write_user),
	IS(EFFECT, probe_read_user), IS(EFFECT, probe_read_user_str), IS(EFFECT, copy_from_user),

	/* With a fixup for what is not there; printk and its kin do it for %s.  Tracing programs live on it. */
	IS(READS, probe_read), IS(READS, probe_read_str), IS(READS, probe_read_kernel), IS(READS, probe_read_kernel_str),
	IS(READS, trace_printk), IS(READS, trace_vprintk), IS(READS, snprintf), IS(READS, snprintf_btf),

	/* A program that knows an address of the kernel has more than it was given. */
	IS(REVEALS, get_current_task), IS(REVEALS, get_current_task_btf), IS(REVEALS, task_pt_regs),
	IS(REVEALS, get_func_ip), IS(REVEALS, get_func_arg), IS(REVEALS, get_func_ret), IS(REVEALS, get_stack),
	IS(REVEALS, get_task_stack), IS(REVEALS, read_branch_records), IS(REVEALS, get_branch_snapshot),
	IS(REVEALS, kallsyms_lookup_name),

	IS(HOLDS, user_ringbuf_drain),
};

static const char * const why[KINDS] = {
	[UNKNOWN] = "is not on the list of helpers for isolated programs",
	[REVEALS] = "reveals addresses of the kernel",
	[HOLDS] = "calls back while it holds the map, and a run that faults there could not let it go",
};

/* Some of it the verifier has looked at too, if it was not fooled. */
const char *moat_helper_refusal(const struct bpf_verifier_env *env, const struct bpf_func_proto *fn, s32 id)
{
	u32 kind = kind_of[id] & ~ANYONE;

	if (!fn)
		return "is not for programs of this type";
	if (fn->gpl_only && !env->prog->gpl_compatible)
		return "is for programs under the GPL";
	if (fn->allowed && !fn->allowed(env->prog))
		return "is not allowed to this program";
	if (fn->might_sleep && !env->prog->aux->sleepable)
		return "may sleep";
	if (id == BPF_FUNC_for_each_map_elem && env->prog->aux->sleepable)
		return "calls back where nobody may sleep, and the program may";
	if (why[kind])
		return why[kind];
	if (!(kind_of[id] & ANYONE) && !env->bpf_capable)
		return "is not for programs of those without CAP_BPF";
	return kind == READS && !env->allow_ptr_leaks ? "reads memory of the kernel, which is not for this program" : NULL;
}

const char *moat_reading_refusal(const struct bpf_verifier_env *env)
{
	const struct bpf_func_proto *fn = NULL;

	if (env->ops->get_func_proto)
		fn = env->ops->get_func_proto(BPF_FUNC_probe_read_kernel, env->prog);
	return moat_helper_refusal(env, fn, BPF_FUNC_probe_read_kernel);
}
