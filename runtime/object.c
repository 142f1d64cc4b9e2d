/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Objects: open and close. */
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <urcu.h>

#include "loader.h"
#include "../verifier-ext/record.h"

#define MAX_FILE	(256u << 20)

static void *fail(int err)
{
	errno = -err;
	return NULL;
}

/* A field of an option struct of an older or newer caller: present only if its size covers it. */
#define HAS(opts, field) \
	((opts) && (opts)->sz >= offsetof(__typeof__(*(opts)), field) + sizeof((opts)->field))
#define GET(opts, field, otherwise)	(HAS(opts, field) ? (opts)->field : (otherwise))

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int check_helpers(const struct moat_object *obj)
{
	const char *why = NULL;
	size_t n;

	for (n = 0; !why && n < obj->nr_helpers; n++) {
		const struct moat_helper *h = &obj->helpers[n];

		why = moat_proto_broken(h);
		if (!why && moat_helper_builtin(h->id))
			why = "has the number of a built-in helper";
		if (why)
			moat_print(MOAT_WARN, "%s: the host's helper %d (%s) %s", obj->name, h->id,
				   h->name ?: "no name", why);
	}
	return why ? -EINVAL : 0;
}

static void free_map(struct moat_map *map)
{
	if (map->created)
		moat_map_destroy(map);
	free(map->inner);	/* a template, never created itself */
	free(map->domain);
	free(map);
}

static void free_program(struct moat_program *prog)
{
	u32 i;

	for (i = 0; i < MOAT_MAX_CPUS; i++)
		free(prog->count[i]);
	free(prog->name);
	free(prog->section);
	free(prog->insn);
	free(prog->line);
	free(prog);
}

static void free_object(struct moat_object *obj)
{
	while (obj->programs) {
		struct moat_program *next = obj->programs->next;

		free_program(obj->programs);
		obj->programs = next;
	}
	while (obj->maps) {
		struct moat_map *next = obj->maps->next;

		free_map(obj->maps);
		obj->maps = next;
	}
	if (obj->elf) {
		moat_elf_close(loader_of(obj)->elf);
		free(loader_of(obj)->domain);
	}
	pthread_mutex_destroy(&obj->lock);
	free(obj->elf);
	free(obj->name);
	free(obj);
}

static int make_secret(u64 *secret)
{
	if (getrandom(secret, sizeof(*secret), 0) != sizeof(*secret))
		return -errno;
	*secret |= !*secret;	/* 0 would be none */
	return 0;
}

static struct moat_object *new_object(const struct moat_open_opts *opts, const char *name)
{
	struct moat_object *obj;
	int err;

	if (opts && opts->sz < sizeof(opts->sz))
		return fail(-EINVAL);
	obj = calloc(1, sizeof(*obj));
	if (!obj)
		return fail(-ENOMEM);
	pthread_mutex_init(&obj->lock, NULL);
	obj->name = strdup(GET(opts, name, NULL) ?: name);
	obj->elf = calloc(1, sizeof(struct moat_loader));
	obj->mode = GET(opts, mode, MOAT_MODE_AUTO);
	obj->form = GET(opts, base_form, 0);
	obj->emit_only = GET(opts, emit_only, false);
	obj->unmetered = GET(opts, unmetered, false);
	obj->verify = GET(opts, verify, false);
	obj->helpers = GET(opts, helpers, NULL);
	obj->nr_helpers = obj->helpers ? GET(opts, nr_helpers, 0) : 0;
	err = !obj->name || !obj->elf ? -ENOMEM : check_helpers(obj);
	if (!err && (obj->mode >= MOAT_NR_MODES || obj->form > MOAT_BASE_SEGMENT)) {
		moat_print(MOAT_WARN, "%s: no such mode or base form", obj->name);
		err = -EINVAL;
	}
	if (!err && GET(opts, blind, false))
		err = make_secret(&obj->blind);
	if (!err)
		return obj;
	free_object(obj);
	return fail(err);
}

/* Takes over @image. */
static struct moat_object *open_image(void *image, size_t bytes, const struct moat_open_opts *opts, const char *name)
{
	struct moat_object *obj = new_object(opts, name);
	int err;

	if (!obj) {
		err = errno;
		free(image);
		return fail(-err);
	}
	loader_of(obj)->elf = moat_elf_open(image, bytes, obj->name);
	err = loader_of(obj)->elf ? moat_open_elf(obj, loader_of(obj)->elf) : -errno;
	if (!err)
		return obj;
	free_object(obj);
	return fail(err);
}

static int read_all(int fd, char *to, size_t bytes)
{
	while (bytes) {
		ssize_t n = read(fd, to, bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		to += n;
		bytes -= n;
	}
	return 0;
}

static int read_file(const char *path, void **image, size_t *bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	else if (st.st_size > MAX_FILE)
		err = -EFBIG;
	if (!err) {
		*bytes = st.st_size;
		*image = malloc(*bytes + 1);
		err = *image ? read_all(fd, *image, *bytes) : -ENOMEM;
		if (err)
			free(*image);
	}
	close(fd);
	return err;
}

struct moat_object *moat_object__open_file(const char *path, const struct moat_open_opts *opts)
{
	size_t bytes = 0;
	void *image = NULL;
	int err;

	if (!path)
		return fail(-EINVAL);
	err = read_file(path, &image, &bytes);
	if (err) {
		moat_print(MOAT_WARN, "%s: %s", path, strerror(-err));
		return fail(err);
	}
	return open_image(image, bytes, opts, base_name(path));
}

struct moat_object *moat_object__open_mem(const void *elf, size_t bytes, const struct moat_open_opts *opts)
{
	void *image;

	if (!elf || bytes > MAX_FILE)
		return fail(-EINVAL);
	image = malloc(bytes + 1);
	if (!image)
		return fail(-ENOMEM);
	memcpy(image, elf, bytes);
	return open_image(image, bytes, opts, "object");
}

struct moat_object *moat_object__open_insns(const struct bpf_insn *insns, size_t nr,
					    const struct moat_open_opts *opts)
{
	struct moat_object *obj;
	struct moat_program *prog;

	if (!insns || !nr || nr > MOAT_MAX_INSNS)
		return fail(nr > MOAT_MAX_INSNS ? -E2BIG : -EINVAL);
	obj = new_object(opts, "program");
	if (!obj)
		return NULL;
	prog = moat_program_add(obj, obj->name, "moat", BPF_PROG_TYPE_UNSPEC);
	if (prog)
		prog->insn = malloc(nr * sizeof(*insns));
	if (!prog || !prog->insn) {
		free_object(obj);
		return fail(-ENOMEM);
	}
	memcpy(prog->insn, insns, nr * sizeof(*insns));
	prog->len = nr;
	return obj;
}

void moat_object__close(struct moat_object *obj)
{
	if (!obj)
		return;
	/* Runs hold an RCU read lock from before they look at the program until they are done with it. */
	if (obj->loaded && !moat_probing)
		synchronize_rcu();
	moat_unload(obj);
	free_object(obj);
}
