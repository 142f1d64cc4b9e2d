/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Maps and programs of an object file, as libbpf reads them.
 *
 * libbpf only opens the file: it is never asked to load anything, so no bpf()
 * system call is made and no privilege is needed.
 */
#include <bpf/libbpf.h>

#include "loader.h"

static __thread const char *opening;	/* object that this thread has libbpf open; NULL: none */
static libbpf_print_fn_t print_before;

/* libbpf's messages: ours while we use it, the host's own otherwise. */
static int print(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	static const enum moat_print_level ours[] = {
		[LIBBPF_WARN] = MOAT_WARN, [LIBBPF_INFO] = MOAT_INFO, [LIBBPF_DEBUG] = MOAT_DEBUG,
	};
	char text[512];
	int n;

	if (!opening)
		return print_before ? print_before(level, fmt, ap) : 0;
	n = vsnprintf(text, sizeof(text), fmt, ap);
	if (n > 0 && (size_t)n < sizeof(text) && text[n - 1] == '\n')
		text[n - 1] = '\0';
	if (!strncmp(text, "libbpf: ", 8))
		memmove(text, text + 8, strlen(text + 8) + 1);
	moat_print(ours[level], "%s: libbpf: %s", opening, text);
	return n;
}

static void take_print(void)
{
	print_before = libbpf_set_print(print);
}

void moat_libbpf_begin(const char *name)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, take_print);
	opening = name;
}

void moat_libbpf_end(void)
{
	opening = NULL;
}

static void append_map(struct moat_object *obj, struct moat_map *map)
{
	struct moat_map **end = &obj->maps;

	while (*end)
		end = &(*end)->next;
	*end = map;
}

struct moat_program *moat_program_add(struct moat_object *obj, const char *name, const char *section,
				      enum bpf_prog_type type)
{
	struct moat_program *prog = calloc(1, sizeof(*prog)), **end = &obj->programs;

	if (!prog)
		return NULL;
	prog->obj = obj;
	prog->type = type;
	prog->autoload = true;
	prog->name = strdup(name);
	prog->section = strdup(section);
	while (*end)
		end = &(*end)->next;
	*end = prog;
	return prog->name && prog->section ? prog : NULL;	/* freed with the object */
}

struct moat_map *moat_map_named(const struct moat_object *obj, const char *name)
{
	struct moat_map *map;

	for (map = obj->maps; map; map = map->next)
		if (!strcmp(map->name, name))
			return map;
	return NULL;
}

static struct moat_map *new_map(struct moat_object *obj, struct bpf_map *from)
{
	struct moat_map *map = calloc(1, sizeof(*map));
	struct bpf_map *inner = bpf_map__inner_map(from);

	if (!map)
		return NULL;
	map->obj = obj;
	map->type = bpf_map__type(from);
	map->key_size = bpf_map__key_size(from);
	map->value_size = bpf_map__value_size(from);
	map->max_entries = bpf_map__max_entries(from);
	map->flags = bpf_map__map_flags(from);
	map->rights = map->flags & BPF_F_RDONLY_PROG ? MOAT_READ :
		      map->flags & BPF_F_WRONLY_PROG ? MOAT_WRITE : MOAT_READ | MOAT_WRITE;
	snprintf(map->name, sizeof(map->name), "%s", bpf_map__name(from) ?: "");
	if (inner) {
		map->inner = new_map(obj, inner);
		if (!map->inner) {
			free(map);
			return NULL;
		}
	}
	return map;
}

/* The section that an internal map was made of: its name ends in ".data", ".rodata.x", ... */
static struct elf_section *section_of(struct moat_elf *elf, const char *map_name, size_t bytes)
{
	static const char *const kind[] = { ".data", ".rodata", ".bss" };
	u32 i, k;

	for (i = 1; i < elf->nr_section; i++) {
		const char *name = elf->section[i].name;
		const char *dot = strstr(map_name, name);

		for (k = 0; k < ARRAY_SIZE(kind); k++)
			if (!strncmp(name, kind[k], strlen(kind[k])) && dot && !dot[strlen(name)] &&
			    elf->section[i].bytes == bytes && !elf->section[i].map)
				return &elf->section[i];
	}
	return NULL;
}

/* .data, .rodata, .bss: one value, laid out as the section.  .kconfig has no section: nothing can refer to it. */
static int open_internal(struct moat_object *obj, struct moat_elf *elf, struct bpf_map *from)
{
	struct elf_section *s;
	struct moat_map *map;

	s = section_of(elf, bpf_map__name(from), bpf_map__value_size(from));
	if (!s)
		return 0;
	map = new_map(obj, from);
	if (!map)
		return -ENOMEM;
	map->internal = true;
	map->initial = s->data;		/* lives as long as the object; NULL for .bss: zero */
	s->map = map;
	append_map(obj, map);
	return 0;
}

static int open_map(struct moat_object *obj, struct moat_elf *elf, struct bpf_map *from)
{
	const char *special = moat_btf_special(elf, bpf_map__btf_value_type_id(from));
	struct moat_map *map;

	if (bpf_map__is_internal(from))
		return open_internal(obj, elf, from);
	if (special) {
		moat_print(MOAT_WARN, "%s: map %s: values with a %s are not supported", obj->name,
			   bpf_map__name(from), special);
		return -EOPNOTSUPP;
	}
	if (bpf_map__pin_path(from))
		moat_print(MOAT_INFO, "%s: map %s: pinning is ignored", obj->name, bpf_map__name(from));
	map = new_map(obj, from);
	if (!map)
		return -ENOMEM;
	append_map(obj, map);
	return 0;
}

static int read_object(struct moat_object *obj, struct moat_elf *elf, struct bpf_object *from)
{
	struct bpf_program *p;
	struct bpf_map *m;
	int err;

	bpf_object__for_each_map(m, from) {
		err = open_map(obj, elf, m);
		if (err)
			return err;
	}
	bpf_object__for_each_program(p, from) {
		struct moat_program *prog = moat_program_add(obj, bpf_program__name(p),
							     bpf_program__section_name(p), bpf_program__type(p));

		if (!prog)
			return -ENOMEM;
		prog->autoload = bpf_program__autoload(p);
	}
	return 0;
}

/* An object whose only code is in .text: its first function is the program, the others are called by it. */
static int add_text_program(struct moat_object *obj, const struct moat_elf *elf)
{
	u32 i = moat_elf_section(elf, ".text"), f = 0;

	if (obj->programs || !i || !elf_is_code(&elf->section[i]))
		return 0;
	while (f < elf->nr_func && elf->func[f].section != i)
		f++;
	return moat_program_add(obj, f < elf->nr_func ? elf->func[f].name : ".text", ".text",
				BPF_PROG_TYPE_UNSPEC) ? 0 : -ENOMEM;
}

/* Kinds of objects that libbpf opens but that have no meaning outside the kernel. */
static int refuse_kernel_only(const struct moat_object *obj, const struct moat_elf *elf)
{
	static const struct { const char *section, *why; } no[] = {
		{ ".struct_ops", "struct_ops maps implement kernel interfaces" },
		{ ".struct_ops.link", "struct_ops maps implement kernel interfaces" },
		{ "maps", "legacy map definitions in section maps (use .maps with BTF)" },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(no); i++) {
		if (moat_elf_section(elf, no[i].section)) {
			moat_print(MOAT_WARN, "%s: not supported: %s", obj->name, no[i].why);
			return -EOPNOTSUPP;
		}
	}
	return 0;
}

/* libbpf's name for an object: up to the first dot; it becomes part of the names of .data and .bss maps. */
static void libbpf_name(char name[16], const struct moat_object *obj)
{
	snprintf(name, 16, "%.*s", (int)strcspn(obj->name, "."), obj->name);
	if (!*name)
		strcpy(name, "object");
}

/*
 * Why libbpf did not open the file; 0: it did.  It has errors of its own
 * beyond those of errno.h (LIBBPF_ERRNO__FORMAT, ...).  Some of its errors come
 * from sizes in the file and are so large that it takes them for pointers.
 */
static int open_error(const struct bpf_object *from)
{
	if (!from)
		return errno >= 4000 || errno <= 0 ? -EINVAL : -errno;
	return (intptr_t)from < 0 ? -EINVAL : 0;
}

static int open_libbpf(struct moat_object *obj, struct moat_elf *elf)
{
	char name[16];
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = name);
	struct bpf_object *from;
	int err;

	libbpf_name(name, obj);
	moat_libbpf_begin(obj->name);
	from = bpf_object__open_mem(elf->image, elf->bytes, &opts);
	err = open_error(from);
	if (!err) {
		err = read_object(obj, elf, from);
		bpf_object__close(from);
	}
	moat_libbpf_end();
	return err;
}

int moat_open_elf(struct moat_object *obj, struct moat_elf *elf)
{
	int err = refuse_kernel_only(obj, elf);

	if (!err && elf->symtab)
		err = open_libbpf(obj, elf);
	if (!err)
		err = add_text_program(obj, elf);
	if (!err && !obj->programs && !obj->maps) {
		moat_print(MOAT_WARN, "%s: no programs in it", obj->name);
		err = -ENOENT;
	}
	return err;
}
