/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Load an object: link, create maps, place, compile; all of it or nothing. */
#include "loader.h"

/* The mode that the object will run in, which must be enforced here if it is to run. */
static int choose_mode(struct moat_object *obj)
{
	const char *why = NULL;
	int err;

	if (obj->mode == MOAT_MODE_AUTO)
		obj->mode = moat_mode_best();
	err = moat_probing || obj->emit_only ? 0 : moat_mode_enforced(obj->mode, &why);
	if (err)
		moat_print(MOAT_WARN, "%s: mode %s is not enforced here: %s", obj->name, moat_mode_name(obj->mode),
			   why ?: strerror(-err));
	return err;
}

static int create_maps(struct moat_object *obj)
{
	struct moat_map *map;
	int err = 0;

	for (map = obj->maps; !err && map; map = map->next)
		if (!map->created)
			err = moat_map_create(map);
	return err;
}

/* Link every program that is to be loaded; *@nr links are to be freed in any case. */
static int link_all(struct moat_object *obj, struct moat_link **link, u32 *nr)
{
	struct moat_program *prog;
	int err = 0;

	*nr = 0;
	for (prog = obj->programs; prog; prog = prog->next)
		*nr += prog->autoload;
	*link = calloc(*nr + 1, sizeof(**link));
	if (!*link)
		return -ENOMEM;
	*nr = 0;
	for (prog = obj->programs; !err && prog; prog = prog->next)
		if (prog->autoload)
			err = moat_link(&(*link)[(*nr)++], prog);
	return err;
}

/* The program takes over what was linked for it. */
static int compile(struct moat_link *link)
{
	struct moat_program *prog = link->prog;

	free(prog->insn);
	prog->insn = link->insn;
	prog->len = link->len;
	prog->line = link->line;
	prog->nr_line = link->nr_line;
	link->insn = NULL;
	link->line = NULL;
	return prog->obj->emit_only ? 0 : moat_program_compile(prog);
}

/* Everything that loading made, undone.  No run is under way. */
void moat_unload(struct moat_object *obj)
{
	struct moat_loader *l = loader_of(obj);
	struct moat_program *prog;
	struct moat_map *map;

	for (prog = obj->programs; prog; prog = prog->next) {
		moat_program_discard(prog);
		prog->loaded = false;
		prog->domain = NULL;
		free(prog->line);
		prog->line = NULL;
		prog->nr_line = 0;
	}
	while (l->nr_domain)
		moat_domain_free(l->domain[--l->nr_domain]);
	for (map = obj->maps; map; map = map->next)
		if (map->created)
			moat_map_destroy(map);
	obj->loaded = false;
}

static int load_programs(struct moat_object *obj)
{
	struct moat_link *link;
	u32 nr, i;
	int err = link_all(obj, &link, &nr);

	if (!err)
		err = create_maps(obj);
	if (!err)
		err = moat_place(obj, link, nr);
	for (i = 0; !err && i < nr; i++)
		err = compile(&link[i]);
	for (i = 0; i < nr; i++) {
		link[i].prog->loaded = !err && !obj->emit_only;
		moat_link_free(&link[i]);
	}
	free(link);
	return err;
}

int moat_object__load(struct moat_object *obj)
{
	int err;

	if (!obj)
		return -EINVAL;
	pthread_mutex_lock(&obj->lock);
	err = obj->loaded ? -EBUSY : choose_mode(obj);
	if (!err) {
		err = load_programs(obj);
		if (err)
			moat_unload(obj);
		else
			obj->loaded = true;
	}
	pthread_mutex_unlock(&obj->lock);
	if (err)
		return err;

	err = moat_map_slots(obj);	/* takes the lock itself */
	if (err) {
		pthread_mutex_lock(&obj->lock);
		moat_unload(obj);
		pthread_mutex_unlock(&obj->lock);
	}
	return err;
}
