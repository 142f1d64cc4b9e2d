/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Helper prototypes: what each argument of a helper must be, as data. */
#ifndef MOAT_AUDIT_H
#define MOAT_AUDIT_H

#include <linux/types.h>

#define MOAT_MAX_ARGS	5

/* What a helper expects in one argument register, and so what the gate must check or supply. */
enum moat_arg_kind {
	MOAT_ARG_NONE,		/* not an argument: the helper must not look at it, it gets 0 */
	MOAT_ARG_SCALAR,	/* any value */
	MOAT_ARG_CTX,		/* the context: supplied, whatever the register holds */
	MOAT_ARG_MAP,		/* a map of this domain: the helper gets struct moat_map * */
	MOAT_ARG_MAP_KEY,	/* readable memory of the preceding map's key size */
	MOAT_ARG_MAP_VALUE,	/* readable memory of the preceding map's value size */
	MOAT_ARG_MAP_VALUE_OUT,	/* writable memory of the preceding map's value size */
	MOAT_ARG_MEM,		/* readable memory; the next argument is its size, or @bytes says it */
	MOAT_ARG_MEM_OUT,	/* writable memory; the next argument is its size, or @bytes says it */
	MOAT_ARG_SIZE,		/* size of the preceding memory, 1..limit */
	MOAT_ARG_SIZE_OR_ZERO,	/* size of the preceding memory, 0..limit; the memory may be NULL when 0 */
	MOAT_ARG_CALLBACK,	/* a function of this program: the helper gets its handle */
	MOAT_ARG_RECORD,	/* a ring-buffer record issued to this run and not yet released: the helper gets struct moat_issued * */
	MOAT_ARG_FLAGS,		/* a number with no other bits than @allowed */
	MOAT_ARG_OBJECT,	/* an object of type @object issued to this run: the helper gets what the issuing helper returned */
	MOAT_NR_ARGS,
};

/* What a helper returns, and so what the gate lets the program see. */
enum moat_ret_kind {
	MOAT_RET_SCALAR,
	MOAT_RET_MEM,		/* host address inside the heap, or NULL: the program gets the offset */
	MOAT_RET_OBJECT,	/* a host pointer, or NULL: the program gets a handle that names it for this run, see @object */
	MOAT_RET_MAP_VALUE,	/* what the program gets, made by the helper itself: offset of a value, or an inner map's handle */
	MOAT_RET_NR,
};

struct moat_arg_proto {
	__u8 kind;		/* enum moat_arg_kind */
	__u8 nullable;		/* pointers: NULL passes, as NULL; with a size argument only for size 0 */
	__u8 object;		/* OBJECT: its type, 1..255, the host's choice */
	__u8 released;		/* OBJECT: the run holds it no more; the helper has it now, to free or keep */
	__u32 bytes;		/* MEM without a size argument: how many */
	__u64 allowed;		/* FLAGS: bits that may be set */
};

/* What a helper calls a callback with, in each of its R1..R4. */
enum moat_give {
	MOAT_GIVE_ANYTHING,
	MOAT_GIVE_R1, MOAT_GIVE_R2, MOAT_GIVE_R3, MOAT_GIVE_R4, MOAT_GIVE_R5,	/* its own argument, as the program passed it */
	MOAT_GIVE_NUMBER,	/* a 32-bit number */
	MOAT_GIVE_VALUE,	/* a value of its map argument */
	MOAT_NR_GIVES,
};

/*
 * A helper.  @fn is called as
 *	__u64 fn(r1, r2, r3, r4, r5, struct moat_run *run)
 * with every argument audited and made usable by the host: memory arguments
 * are host pointers.  @fn must not keep them after it returns.
 */
struct moat_helper {
	__s32 id;		/* the number that BPF_CALL names */
	const char *name;
	__u64 (*fn)(void);	/* cast of the function above */
	__u8 ret;		/* enum moat_ret_kind */
	__u8 packet;		/* changes packet pointers (data, data_end) */
	struct moat_arg_proto arg[MOAT_MAX_ARGS];
	__u64 map_types;	/* bit t: takes maps of enum bpf_map_type t; 0: of any type */
	__u8 gives[4];		/* CALLBACK: enum moat_give for R1..R4 of the function */
	__u8 object;		/* RET_OBJECT: the type */
	void (*release)(void *object, void *user);	/* RET_OBJECT: for what a run that ends still holds; @user of its options */
};

/* Audit records: what the gate does for each argument of one call -------- */

enum moat_audit_kind {
	MOAT_AUDIT_NONE,	/* not an argument: passes 0 */
	/* Supplied: what the program has in its register is not looked at. */
	MOAT_AUDIT_CONST,	/* the number @min */
	MOAT_AUDIT_CONTEXT,
	MOAT_AUDIT_MAP,		/* map @ref */
	MOAT_AUDIT_FRAME,	/* the address top of the stack + @min */
	MOAT_AUDIT_DATA,	/* the address first value of map @ref + @min */
	/* Checked: what the program has must be so, or the run ends. */
	MOAT_AUDIT_NUMBER,	/* its distance from @min is at most @span, its bits of @mask are @value */
	MOAT_AUDIT_MEMORY,	/* memory of @region, with @rights, @bytes or what @size says */
	MOAT_AUDIT_HANDLE,	/* some map of the domain */
	MOAT_AUDIT_RECORD,	/* a ring-buffer record that the run holds; @region MAP: of map @ref */
	MOAT_AUDIT_OBJECT,	/* an object of type @ref that the run holds */
	MOAT_AUDIT_CALLBACK,	/* a callback of the program */
	MOAT_NR_AUDITS,
};

/* Where memory must lie. */
enum moat_region_kind {
	MOAT_REGION_ANY,	/* nothing was proved: anything that the domain was granted, or the run has */
	MOAT_REGION_FRAME,	/* @min to @min + @span from the top of the stack */
	MOAT_REGION_CTX,
	MOAT_REGION_PACKET,
	MOAT_REGION_MAP,	/* values, or records, of map @ref */
	MOAT_NR_REGIONS,
};

/* Who says how many bytes there are of memory. */
enum moat_size_kind {
	MOAT_SIZE_FIXED,	/* @bytes */
	MOAT_SIZE_NEXT,		/* the next argument */
	MOAT_SIZE_KEY,		/* the map that was passed, for its keys or its values */
	MOAT_SIZE_VALUE,
};

struct moat_arg_audit {
	__u8 kind;		/* enum moat_audit_kind */
	__u8 region, size;
	__u8 rights;		/* MEMORY: MOAT_READ or MOAT_WRITE */
	__u8 nullable;		/* MEMORY, HANDLE: NULL passes, as NULL */
	__u16 ref;
	__u32 bytes;
	__u64 min, span;
	__u64 value, mask;
};

struct moat_call_audit {
	__u32 pc;
	__s32 helper;
	__u8 proved;		/* analysis had something to say of it */
	__u8 inlined;		/* in dumps: the image does it itself, there is no gate */
	struct moat_arg_audit arg[MOAT_MAX_ARGS];
};

#endif
