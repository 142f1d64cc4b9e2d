/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Keys that change while a program enters them: whatever gets into the table is found there. */
#include <pthread.h>
#include <sys/mman.h>
#include <bpf/bpf.h>

#include "../check.h"
#include "attack.h"
#include "isolate.h"
#include "object.h"

#define RUNS	3000
#define KEYS	1024		/* a fraction of what the tables have room for */

static _Atomic bool stop;

static void *change(void *arg)
{
	volatile u64 *key = arg;
	u64 i;

	for (i = 0; !stop; i++) {
		key[0] = i % KEYS;
		key[1] = i % 2;
	}
	return NULL;
}

/* An element in a wrong bucket is met by who walks over the table, and by nobody who looks for it. */
static void check_table(struct bpf_object *obj, const char *name)
{
	int map = object_map(obj, name);
	u64 key[2], next[2], value;
	void *from = NULL;
	u32 n;

	for (n = 0; n < 4096 && !bpf_map_get_next_key(map, from, next); n++) {
		memcpy(key, next, sizeof(key));
		from = key;
		if (!CHECK(!bpf_map_lookup_elem(map, key, &value), "%s: element %u, of key %llu, is not found", name, n,
			   (unsigned long long)key[0]))
			return;
	}
	CHECK(n > 1, "%s: %u elements", name, n);
}

void isolate_keys(const char *mode)
{
	static const char *const names[] = { "enter_keys", NULL };
	struct bpf_object *obj = isolate_load("isolate_keys", mode, names, NULL);
	pthread_t thread;
	size_t bytes;
	u32 retval;
	void *key;

	if (!obj)
		return;
	key = object_section(obj, ".bss", &bytes);
	stop = false;
	pthread_create(&thread, NULL, change, key);
	CHECK(!sys_run(object_prog(obj, names[0]), attack_packet, PACKET_BYTES, RUNS, &retval), "it does not run");
	stop = true;
	pthread_join(thread, NULL);
	check_table(obj, "shorts");
	check_table(obj, "longs");
	munmap(key, bytes);
	bpf_object__close(obj);
}
