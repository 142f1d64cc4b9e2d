/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * printf() over memory of programs, for bpf_trace_printk() and its kin.
 *
 * Knows what the kernel's knows: %d %i %u %x %X with l and ll, %c, %s, %p, %%,
 * flags and width.  Strings are read only as far as the program itself may
 * read; nothing of the host is ever printed.
 */
#include <ctype.h>
#include "helpers.h"

#define MAX_STRING	512

/* One conversion, on its way from the format to the text. */
struct spec {
	char flags[16];		/* flags and width, with the leading % */
	u8 longs;		/* l or ll */
	char kind;
};

/* Parse what follows a '%'; returns the character behind it, NULL: not understood. */
static const char *parse(const char *at, struct spec *s)
{
	u32 n = 0;

	s->flags[n++] = '%';
	while (*at && strchr("0 +-#", *at) && n < 6)
		s->flags[n++] = *at++;
	while (isdigit((unsigned char)*at) && n < 9)
		s->flags[n++] = *at++;
	s->flags[n] = 0;
	for (s->longs = 0; *at == 'l' && s->longs < 2; s->longs++)
		at++;
	s->kind = *at;
	if (!*at || !strchr("diuxXcsp", *at) || (s->longs && strchr("csp", *at)))
		return NULL;
	at++;
	/* %px, %pK, %ps, %pB: addresses, all the same here. */
	if (s->kind == 'p' && *at && strchr("xKsB", *at))
		at++;
	else if (s->kind == 'p' && isalnum((unsigned char)*at))
		return NULL;
	return at;
}

/* snprintf() with a format made of @s; what is cut off counts. */
static int put_number(char *out, size_t room, const struct spec *s, u64 v)
{
	char fmt[24];

	snprintf(fmt, sizeof(fmt), s->kind == 'c' ? "%sc" : "%sll%c", s->flags, s->kind == 'p' ? 'x' : s->kind);
	if (s->kind == 'c')
		return snprintf(out, room, fmt, (int)(u8)v);
	if (!s->longs && s->kind != 'p')
		v = s->kind == 'd' || s->kind == 'i' ? (u64)(s64)(s32)v : (u32)v;
	return snprintf(out, room, fmt, (unsigned long long)v);
}

static int put_string(struct moat_run *run, char *out, size_t room, const struct spec *s, u64 p)
{
	char text[MAX_STRING], fmt[24];

	if (moat_run_string(run, p, text, sizeof(text)) < 0)
		text[0] = 0;
	snprintf(fmt, sizeof(fmt), "%ss", s->flags);
	return snprintf(out, room, fmt, text);
}

long moat_format(struct moat_run *run, char *out, size_t room, const char *fmt, const u64 *arg, u32 nr)
{
	size_t len = 0;
	u32 used = 0;
	struct spec s;

	for (; *fmt; ) {
		size_t left = len < room ? room - len : 0;
		char *to = out + (len < room ? len : room);

		if (!isascii((unsigned char)*fmt) || !(isprint((unsigned char)*fmt) || isspace((unsigned char)*fmt)))
			return -EINVAL;
		if (*fmt != '%' || fmt[1] == '%') {
			if (left > 1)
				*to = *fmt;
			fmt += *fmt == '%' ? 2 : 1;
			len++;
			continue;
		}
		fmt = parse(fmt + 1, &s);
		if (!fmt || used == nr)
			return -EINVAL;
		len += s.kind == 's' ? put_string(run, to, left, &s, arg[used]) :
				       put_number(to, left, &s, arg[used]);
		used++;
	}
	if (room)
		out[len < room ? len : room - 1] = 0;
	return len + 1;
}

long moat_run_string(struct moat_run *run, u64 p, char *to, size_t room)
{
	const char *from;
	bool end = false;
	size_t i = 0;

	while (i < room && !end && (from = moat_run_memory(run, p + i, 1, MOAT_READ))) {
		/* Read once: the program may be changing it. */
		to[i] = __atomic_load_n(from, __ATOMIC_RELAXED);
		end = !to[i++];
	}
	moat_run_charge(run, i);
	if (end)
		return i;
	if (i < room)
		return -EFAULT;
	if (room)
		to[room - 1] = 0;
	return room;
}
