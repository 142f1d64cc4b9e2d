/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Instructions, spelled for tables of test programs. */
#ifndef MOAT_INSNS_H
#define MOAT_INSNS_H

#include <linux/bpf.h>
#include <linux/bpf_common.h>

#define INSN(c, d, s, o, i) \
	{ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) }

#define ALU64_K(f, d, i)	INSN(BPF_ALU64 | BPF_K | (f), d, 0, 0, i)
#define ALU64_X(f, d, s)	INSN(BPF_ALU64 | BPF_X | (f), d, s, 0, 0)
#define ALU32_K(f, d, i)	INSN(BPF_ALU | BPF_K | (f), d, 0, 0, i)
#define ALU32_X(f, d, s)	INSN(BPF_ALU | BPF_X | (f), d, s, 0, 0)
#define MOV_K(d, i)		ALU64_K(BPF_MOV, d, i)
#define MOV_X(d, s)		ALU64_X(BPF_MOV, d, s)
#define LDDW(d, v)		INSN(BPF_LD | BPF_IMM | BPF_DW, d, 0, 0, (__s32)(v)), \
				INSN(0, 0, 0, 0, (__s32)((__u64)(v) >> 32))
#define LD_FUNC(d, i)		INSN(BPF_LD | BPF_IMM | BPF_DW, d, BPF_PSEUDO_FUNC, 0, i), \
				INSN(0, 0, 0, 0, 0)
#define LDX(size, d, s, o)	INSN(BPF_LDX | BPF_MEM | (size), d, s, o, 0)
#define LDXS(size, d, s, o)	INSN(BPF_LDX | 0x80 | (size), d, s, o, 0)	/* BPF_MEMSX */
#define STX(size, d, s, o)	INSN(BPF_STX | BPF_MEM | (size), d, s, o, 0)
#define ST(size, d, o, i)	INSN(BPF_ST | BPF_MEM | (size), d, 0, o, i)
#define ATOM(size, f, d, s, o)	INSN(BPF_STX | BPF_ATOMIC | (size), d, s, o, f)
#define JMP_K(f, d, i, o)	INSN(BPF_JMP | BPF_K | (f), d, 0, o, i)
#define JMP_X(f, d, s, o)	INSN(BPF_JMP | BPF_X | (f), d, s, o, 0)
#define JMP32_K(f, d, i, o)	INSN(BPF_JMP32 | BPF_K | (f), d, 0, o, i)
#define JMP32_X(f, d, s, o)	INSN(BPF_JMP32 | BPF_X | (f), d, s, o, 0)
#define JA(o)			INSN(BPF_JMP | BPF_JA, 0, 0, o, 0)
#define JAL(i)			INSN(BPF_JMP32 | BPF_JA, 0, 0, 0, i)
#define CALL(i)			INSN(BPF_JMP | BPF_CALL, 0, 0, 0, i)
#define CALL_LOCAL(i)		INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, i)
#define EXIT			INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

#endif
