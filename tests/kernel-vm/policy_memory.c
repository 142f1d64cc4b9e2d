/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whose memory isolated programs and their maps take: that of the control group which makes them. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/stat.h>

#include "../check.h"
#include "attack.h"
#include "heap.h"
#include "policy.h"

#define TOP		"/sys/fs/cgroup"
#define GROUP		TOP "/moat-memory"
#define PAGE		4096L
#define VALUES		(8L << 20)	/* bytes of a map's values */
#define PROGRAMS	32

static bool tell(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	bool ok = f && fputs(text, f) >= 0;

	return f && !fclose(f) && ok;
}

/* Bytes that the group is charged; -1: there is no controller. */
static long charged(void)
{
	FILE *f = fopen(GROUP "/memory.current", "r");
	long bytes = -1;

	if (f && fscanf(f, "%ld", &bytes) != 1)
		bytes = -1;
	if (f)
		fclose(f);
	return bytes;
}

static int make_map(void)
{
	int map = sys_array(PAGE, VALUES / PAGE, NULL);

	CHECK(map >= 0, "no map: %d", map);
	return map;
}

/* A program that has @map, if that is one. */
static int load(int map)
{
	const struct bpf_insn insn[] = { LD_MAP(1, map), MOV_K(0, 0), EXIT };
	u32 skip = map < 0 ? 2 : 0;
	int prog = sys_load_logged(BPF_PROG_TYPE_SOCKET_FILTER, insn + skip, ARRAY_SIZE(insn) - skip);
	char mode[128];

	if (!CHECK(prog >= 0, "a program is not loaded: %d, %.300s", prog, sys_log))
		return -1;
	sys_fdinfo(prog, "moat_mode", mode);
	CHECK(!strcmp(mode, "basereg"), "a program has mode '%s'", mode);
	return prog;
}

static const struct row {
	const char *name;
	bool own_map, other_map;	/* made in the group, or outside of it */
	u32 programs;
} rows[] = {
	{ "a map and its program", .own_map = true, .programs = 1 },
	{ "a program with a map from outside", .other_map = true, .programs = 1 },
	{ "programs", .programs = PROGRAMS },
};

/* A new group has no charges, and whoever enters it brings none; what it is charged for ourselves is small. */
static void check_charges(const struct row *row, int map)
{
	long pages = heap_pages_at_rest(), now;
	int prog[PROGRAMS];
	u32 i;

	if (row->own_map)
		map = make_map();
	for (i = 0; i < row->programs; i++)
		prog[i] = load(map);
	pages = heap_pages() - pages;
	now = charged();
	CHECK(pages > 0 && now >= pages * PAGE, "%s: %ld bytes are charged, %ld pages are given out", row->name, now,
	      pages);
	CHECK(row->own_map == (now >= VALUES), "%s: %ld bytes are charged", row->name, now);
	for (i = 0; i < row->programs; i++)
		close(prog[i]);
	if (row->own_map)
		close(map);
}

/* All is given back but what CPUs and slabs keep; a grace period later. */
static void check_given_back(const struct row *row)
{
	double end = sys_now() + 20;

	while (charged() > VALUES / 4 && sys_now() < end)
		usleep(100000);
	CHECK(charged() <= VALUES / 4, "%s: %ld bytes are charged when it is gone", row->name, charged());
}

static void check_row(const struct row *row)
{
	int map = row->other_map ? make_map() : -1;

	if (CHECK(!mkdir(GROUP, 0755) && charged() == 0 && tell(GROUP "/cgroup.procs", "0\n"),
		  "no group: %ld bytes, %s", charged(), strerror(errno))) {
		check_charges(row, map);
		check_given_back(row);
		CHECK(tell(TOP "/cgroup.procs", "0\n"), "the group cannot be left: %s", strerror(errno));
	}
	rmdir(GROUP);
	close(map);
}

void policy_memory(void)
{
	size_t i;

	if (!tell(TOP "/cgroup.subtree_control", "+memory")) {
		SKIP("charges", "no memory controller of version 2");
		return;
	}
	sys_write("net/core/bpf_moat", "basereg");
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(&rows[i]);
	tell(TOP "/cgroup.subtree_control", "-memory");
}
