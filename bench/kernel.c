/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The same objects under the running kernel's own JIT, by BPF_PROG_TEST_RUN. */
#include <errno.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench.h"

static int quiet(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return 0;
}

static void fill_routes(struct bpf_object *obj)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, "routes");
	__u32 key[2] = { 8, 10 }, port = 3;

	if (map)
		bpf_map__update_elem(map, key, sizeof(key), &port, sizeof(port), BPF_ANY);
}

int kernel_load(const char *path, void **out)
{
	struct bpf_object *obj;
	int err;

	libbpf_set_print(quiet);
	obj = bpf_object__open_file(path, NULL);
	if (!obj)
		return -errno;
	err = bpf_object__load(obj);
	if (err) {
		bpf_object__close(obj);
		return err;
	}
	fill_routes(obj);
	*out = obj;
	return 0;
}

int kernel_prog(void *obj, const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, name);

	return prog ? bpf_program__fd(prog) : -ENOENT;
}

double kernel_run(int fd, const void *data, __u32 size, __u32 repeat)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = data, .data_size_in = size, .repeat = repeat);

	return bpf_prog_test_run_opts(fd, &opts) ? 0 : opts.duration;
}

int kernel_code_bytes(int fd)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) ? -errno : (int)info.jited_prog_len;
}
