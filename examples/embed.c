/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A host that embeds libmoat: runs a victim and a hostile program side by side.
 *
 *	embed MODE [DIRECTORY]
 *
 * The host has a secret and a balance in its own memory; the victim has a
 * password in its map.  The hostile program is sent their true addresses and
 * tries to read and overwrite them.  Exit status 0: everything was contained,
 * 1: something was read or overwritten, 2: could not be tried.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <moat/moat.h>

static char secret[8] = "hunter2";
static char balance[8] = "1000000";
static const char password[8] = "s3sam3!";
static const char graffiti[8] = "0wned!!";

/* What hostile.bpf.c reads from its packet. */
struct order {
	__u64 address, write;
	char value[8];
};

struct guest {
	struct moat_object *obj;
	struct moat_program *prog;
	struct moat_map *map;
};

static int die(const char *what, int err)
{
	fprintf(stderr, "embed: %s: %s\n", what, strerror(err));
	return 2;
}

/* Open, load, and find the one program and the one map of interest. */
static int guest_open(struct guest *g, enum moat_mode mode, const char *dir, const char *file,
		      const char *prog, const char *map)
{
	MOAT_OPEN_OPTS(opts);
	char path[4096];
	int err;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	opts.mode = mode;
	g->obj = moat_object__open_file(path, &opts);
	if (!g->obj)
		return die(path, errno);
	err = moat_object__load(g->obj);
	if (err)
		return die(path, -err);
	g->prog = moat_object__find_program_by_name(g->obj, prog);
	g->map = moat_object__find_map_by_name(g->obj, map);
	return g->prog && g->map ? 0 : die(path, ENOENT);
}

static int map_get(const struct guest *g, char value[8])
{
	__u32 zero = 0;

	return moat_map__lookup_elem(g->map, &zero, sizeof(zero), value, 8, 0);
}

static int map_set(const struct guest *g, const char value[8])
{
	__u32 zero = 0;

	return moat_map__update_elem(g->map, &zero, sizeof(zero), value, 8, BPF_ANY);
}

/* The victim's information leak: its result is the address of its password. */
static int leak(const struct guest *victim, __u64 *address)
{
	char packet[64] = "";
	MOAT_RUN_OPTS(opts, .data_in = packet, .data_size_in = sizeof(packet));
	int err = moat_program__run_opts(victim->prog, &opts);

	*address = opts.retval;
	return err;
}

/* Send the hostile program one order.  Tells how its run ended; 0, or -errno if there was no run. */
static int attack(const struct guest *hostile, const struct order *order)
{
	MOAT_RUN_OPTS(opts, .data_in = order, .data_size_in = sizeof(*order));
	char text[512];
	int err;

	err = map_set(hostile, "nothing");
	if (!err)
		err = moat_program__run_opts(hostile->prog, &opts);
	if (err == -EFAULT)
		printf("    the run was ended: %s\n", moat_fault__text(&opts.fault, text, sizeof(text)));
	else if (!err)
		printf("    the run ended normally\n");
	return err == -EFAULT ? 0 : err;
}

/* 1 if the attack got what it wanted, 0 if not, 2 on an error. */
static int try_read(const struct guest *hostile, const char *what, __u64 address, const char truth[8])
{
	struct order order = { .address = address };
	char loot[8] = "";

	printf("  read %s at 0x%llx\n", what, (unsigned long long)address);
	if (attack(hostile, &order) || map_get(hostile, loot))
		return die("cannot run the attack", EIO);
	if (!memcmp(loot, truth, 8)) {
		printf("    STOLEN: the hostile program has \"%.8s\"\n", loot);
		return 1;
	}
	printf("    contained: the hostile program has \"%.8s\"\n", loot);
	return 0;
}

static int try_write(const struct guest *hostile, const char *what, __u64 address,
		     const struct guest *victim, const char *now)
{
	struct order order = { .address = address, .write = 1 };
	char value[8];

	memcpy(order.value, graffiti, 8);
	printf("  overwrite %s at 0x%llx\n", what, (unsigned long long)address);
	if (attack(hostile, &order))
		return die("cannot run the attack", EIO);
	/* The compiler must not know that nobody writes here. */
	__asm__ volatile("" : : : "memory");
	if (!victim)
		memcpy(value, now, 8);
	else if (map_get(victim, value))
		return die("cannot read the victim's map", EIO);
	if (!memcmp(value, graffiti, 8)) {
		printf("    OVERWRITTEN: it is \"%.8s\" now\n", value);
		return 1;
	}
	printf("    contained: it is \"%.8s\" still\n", value);
	return 0;
}

static int demonstrate(const struct guest *victim, const struct guest *hostile)
{
	__u64 address;
	int got[4], i, status = 0;

	if (map_set(victim, password) || leak(victim, &address))
		return die("cannot set up the victim", EIO);
	got[0] = try_read(hostile, "the host's secret", (__u64)(unsigned long)secret, secret);
	got[1] = try_read(hostile, "the victim's password", address, password);
	got[2] = try_write(hostile, "the host's balance", (__u64)(unsigned long)balance, NULL, balance);
	got[3] = try_write(hostile, "the victim's password", address, victim, NULL);
	for (i = 0; i < 4; i++)
		if (got[i] > status)
			status = got[i];
	return status;
}

int main(int argc, char **argv)
{
	struct guest victim = { 0 }, hostile = { 0 };
	const char *dir = argc > 2 ? argv[2] : "build/examples", *why = "not available";
	enum moat_mode mode;
	int status;

	if (argc < 2 || argc > 3 || moat_mode_parse(argv[1], &mode)) {
		fprintf(stderr, "usage: embed none|basereg|pku|pku+basereg [DIRECTORY]\n");
		return 2;
	}
	if (moat_mode_enforced(mode, &why)) {
		printf("isolation %s: not enforced here: %s\n", argv[1], why);
		return 2;
	}
	printf("isolation %s\n", argv[1]);
	status = guest_open(&victim, mode, dir, "victim.bpf.o", "victim", "password");
	if (!status)
		status = guest_open(&hostile, mode, dir, "hostile.bpf.o", "hostile", "loot");
	if (!status)
		status = demonstrate(&victim, &hostile);
	if (hostile.obj)
		moat_object__close(hostile.obj);
	if (victim.obj)
		moat_object__close(victim.obj);
	return status;
}
