/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* See sys.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "sys.h"

#define SYS_FUNCTIONS	512

char sys_log[SYS_LOG];

/*
 * Have all pages of the program's own data from the start.  QEMU 7.2 loses the flags when SETcc stores to a page that
 * is not there yet (seen with SETG after TEST, with no BPF at all): once the page is there it runs again, and stores what
 * an earlier instruction's flags say.  A variable that became true like that had "lines" skip what it is there for.
 */
__attribute__((__constructor__))
static void have_all_pages(void)
{
	if (mlockall(MCL_CURRENT))
		fprintf(stderr, "memory cannot be locked: %s\n", strerror(errno));
}

static int compare_u32(const void *a, const void *b)
{
	return *(const u32 *)a < *(const u32 *)b ? -1 : *(const u32 *)a > *(const u32 *)b;
}

/* Where functions start, ascending; their number, 0 if the program calls none by its address. */
static u32 find_functions(const struct bpf_insn *insn, u32 len, u32 start[SYS_FUNCTIONS])
{
	u32 i, n = 1, kept = 0;
	bool by_address = false;

	start[0] = 0;
	for (i = 0; i < len && n < SYS_FUNCTIONS; i++) {
		bool wide = insn[i].code == (BPF_LD | BPF_IMM | BPF_DW);

		if (wide && insn[i].src_reg == BPF_PSEUDO_FUNC)
			by_address = true;
		else if (insn[i].code != (BPF_JMP | BPF_CALL) || insn[i].src_reg != BPF_PSEUDO_CALL) {
			i += wide;
			continue;
		}
		start[n++] = i + 1 + (u32)insn[i].imm;
		i += wide;
	}
	qsort(start, n, sizeof(*start), compare_u32);
	for (i = 0; i < n; i++)
		if (!kept || start[i] != start[kept - 1])
			start[kept++] = start[i];
	return by_address ? kept : 0;
}

/* BTF of "static int f(void)": what the kernel wants to know of a function whose address is taken. */
static int function_type(u32 *id)
{
	static int fd = -1;
	static u32 func;
	struct btf *btf = fd < 0 ? btf__new_empty() : NULL;

	if (btf) {
		btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
		btf__add_func_proto(btf, 1);
		func = (u32)btf__add_func(btf, "f", BTF_FUNC_STATIC, 2);
		btf__load_into_kernel(btf);
		fd = dup(btf__fd(btf));
		btf__free(btf);
	}
	*id = func;
	return fd;
}

static int load(enum bpf_prog_type type, const struct bpf_insn *insn, u32 len, bool log)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .log_buf = log ? sys_log : NULL, .log_size = log ? SYS_LOG : 0,
		    .log_level = log ? 1 : 0);
	u32 start[SYS_FUNCTIONS], n = find_functions(insn, len, start), id, i;
	struct bpf_func_info info[SYS_FUNCTIONS];

	if (n) {
		opts.prog_btf_fd = function_type(&id);
		for (i = 0; i < n; i++)
			info[i] = (struct bpf_func_info){ .insn_off = start[i], .type_id = id };
		opts.func_info = info;
		opts.func_info_cnt = n;
		opts.func_info_rec_size = sizeof(info[0]);
	}
	return bpf_prog_load(type, "moat_test", "GPL", insn, len, &opts);
}

int sys_load(enum bpf_prog_type type, const struct bpf_insn *insn, u32 len)
{
	int fd = load(type, insn, len, false);

	return fd < 0 ? -errno : fd;
}

int sys_load_logged(enum bpf_prog_type type, const struct bpf_insn *insn, u32 len)
{
	int fd = load(type, insn, len, false), err = -errno, again;

	sys_log[0] = 0;
	if (fd >= 0)
		return fd;
	again = load(type, insn, len, true);
	if (again >= 0)
		close(again);
	return err;
}

/* Replace the effective capabilities; what they were in *@old. */
static int set_effective(const u32 *new, u32 old[2])
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct cap[2];
	int i;

	if (syscall(SYS_capget, &head, cap))
		return -errno;
	for (i = 0; i < 2; i++) {
		if (old)
			old[i] = cap[i].effective;
		cap[i].effective = new[i];
	}
	return syscall(SYS_capset, &head, cap) ? -errno : 0;
}

int sys_load_unprivileged(enum bpf_prog_type type, const struct bpf_insn *insn, u32 len)
{
	static const u32 none[2];
	u32 old[2];
	int fd;

	if (set_effective(none, old))
		return -EPERM;
	fd = sys_load_logged(type, insn, len);
	if (set_effective(old, NULL))
		abort();
	return fd;
}

void sys_limit(bool on)
{
	static const u32 few[2] = { 1 << CAP_NET_ADMIN, 1 << (CAP_BPF - 32) };
	static u32 old[2];

	if (set_effective(on ? few : old, on ? old : NULL))
		abort();
}

int sys_run(int prog, const void *packet, u32 bytes, u32 repeat, u32 *retval)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = bytes, .repeat = repeat);

	if (bpf_prog_test_run_opts(prog, &opts))
		return -errno;
	*retval = opts.retval;
	return 0;
}

u32 sys_code_bytes(int prog)
{
	struct bpf_prog_info info = { 0 };
	u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(prog, &info, &len) ? 0 : info.jited_prog_len;
}

int sys_array(u32 bytes, u32 n, void **mem)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = mem ? BPF_F_MMAPABLE : 0);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "moat_test", 4, bytes, n, &opts);

	if (fd < 0 || !mem)
		return fd < 0 ? -errno : fd;
	*mem = mmap(NULL, (size_t)n * ((bytes + 7) & ~7u), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return *mem == MAP_FAILED ? -errno : fd;
}

int sys_prog_array(u32 n)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "moat_test", 4, 4, n, NULL);

	return fd < 0 ? -errno : fd;
}

int sys_map_set(int map, u32 key, int value)
{
	return bpf_map_update_elem(map, &key, &value, BPF_ANY) ? -errno : 0;
}

int sys_read(const char *name, char *text, size_t size)
{
	char path[256];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	text[0] = 0;
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -errno;
	n = read(fd, text, size - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	text[n] = 0;
	text[strcspn(text, "\n")] = 0;
	return 0;
}

long sys_read_number(const char *name)
{
	char text[64];
	int err = sys_read(name, text, sizeof(text));

	return err ? err : atol(text);
}

int sys_write(const char *name, const char *value)
{
	size_t n = strlen(value);
	char path[256];
	int fd, err;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -errno;
	err = write(fd, value, n) == (ssize_t)n ? 0 : -errno;
	close(fd);
	return err;
}

int sys_pin(void)
{
	int cpu = sched_getcpu();
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		abort();
	return cpu;
}

void sys_unpin(void)
{
	cpu_set_t set;

	memset(&set, 0xff, sizeof(set));
	sched_setaffinity(0, sizeof(set), &set);
}

double sys_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void sys_fdinfo(int fd, const char *key, char value[128])
{
	char path[64], line[256];
	size_t n = strlen(key);
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "r");
	value[0] = 0;
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, n) && line[n] == ':')
			snprintf(value, 128, "%.*s", (int)strcspn(line + n + 2, "\n"), line + n + 2);
	if (f)
		fclose(f);
}

u32 sys_count_programs(void)
{
	u32 id = 0, n = 0;

	while (!bpf_prog_get_next_id(id, &id))
		n++;
	return n;
}

u32 sys_count_maps(void)
{
	u32 id = 0, n = 0;

	while (!bpf_map_get_next_id(id, &id))
		n++;
	return n;
}

int sys_own_network(void)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWNS))
		return -errno;
	/* EINVAL: an initramfs, nobody to share with */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) && errno != EINVAL)
		return -errno;
	/* the interfaces in it are those of the namespace that mounts it */
	if (mount("sys", "/sys", "sysfs", 0, NULL))
		return -errno;
	return sys_shell("/usr/sbin/ip link set lo up") ? 0 : -ENOENT;
}

bool sys_shell(const char *fmt, ...)
{
	char command[1024], line[512];
	va_list ap;
	FILE *out;
	int status;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command) - 8, fmt, ap);
	va_end(ap);
	strcat(command, " 2>&1");
	fflush(stdout);
	out = popen(command, "r");
	if (!out)
		return false;
	while (fgets(line, sizeof(line), out))
		fprintf(stderr, "%s: %s", command, line);
	status = pclose(out);
	return status == 0;
}
