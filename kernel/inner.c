// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps in maps.
 *
 * What a program finds in a map of maps is the number of the inner map, with a
 * bit that no other handle has (inner_use.c); a gate takes it for a map only as long as that
 * map is in a map of maps of this program.  The values of inner maps are in the
 * cages of all programs that use the outer one: put there before the inner map
 * is put into it, and taken out when it is out of it and whoever may have found it is done.
 *
 * Programs look things up under RCU, in any context; cages are changed under
 * moat_inner_lock; in between, how often a map is in the outer one is counted under
 * a spin lock, as that changes where nothing may sleep.
 */
#include <linux/bpf.h>
#include <linux/hashtable.h>
#include <linux/slab.h>
#include "inner.h"

static DEFINE_HASHTABLE(outers, 8);	/* by map */
static DEFINE_SPINLOCK(outers_lock);
DEFINE_MUTEX(moat_inner_lock);

struct moat_outer *moat_outer_of(const struct bpf_map *map)
{
	struct moat_outer *o, *found = NULL;

	rcu_read_lock();
	hash_for_each_possible_rcu(outers, o, node, (unsigned long)map)
		if (o->map == map)
			found = o;
	rcu_read_unlock();
	return found;
}

/* Cages --------------------------------------------------------------------- */

/* Out of the cages of all programs in front of @end in the list. */
static void take_back(struct moat_outer *o, const struct bpf_map *map, const struct moat_use *end)
{
	struct moat_use *u;

	list_for_each_entry(u, &o->use, list) {
		if (u == end)
			break;
		if (map->moat)
			moat_cage_take_back(&u->domain->cage, map->moat);
	}
}

static int lend(struct moat_outer *o, const struct bpf_map *map)
{
	struct moat_use *u;
	int err;

	list_for_each_entry(u, &o->use, list) {
		err = map->moat ? moat_cage_lend(&u->domain->cage, map->moat, moat_may_write(map)) : 0;
		if (err) {
			take_back(o, map, u);
			return err;
		}
	}
	return 0;
}

/* What the kernel does with maps of maps ------------------------------------- */

/* One element, or update, less; the last one calls the sweep. */
static void drop(struct moat_outer *o, u32 id)
{
	struct bpf_moat_inner *i;
	unsigned long flags;
	bool last = false;

	spin_lock_irqsave(&o->lock, flags);
	i = xa_load(&o->inner, id);
	if (!WARN_ON_ONCE(!i || !i->nr)) {
		i->removals++;
		last = !--i->nr;
	}
	spin_unlock_irqrestore(&o->lock, flags);
	if (last)
		queue_work(system_unbound_wq, &o->sweep);
}

/* Take it, if it is in the outer map and stays there for now. */
static bool hold(struct moat_outer *o, u32 id)
{
	struct bpf_moat_inner *i;
	unsigned long flags;
	bool there;

	spin_lock_irqsave(&o->lock, flags);
	i = xa_load(&o->inner, id);
	there = i && i->nr;
	if (there)
		i->nr++;
	spin_unlock_irqrestore(&o->lock, flags);
	return there;
}

/* With moat_inner_lock held: a new one, that holds the caller's reference. */
static struct bpf_moat_inner *add(struct moat_outer *o, struct bpf_map *map)
{
	struct bpf_moat_inner *i = kzalloc(sizeof(*i), GFP_KERNEL_ACCOUNT);
	int err;

	if (!i)
		return ERR_PTR(-ENOMEM);
	i->map = map;
	i->id = map->id;
	i->nr = 1;
	err = lend(o, map);
	if (!err) {
		err = xa_err(xa_store(&o->inner, i->id, i, GFP_KERNEL_ACCOUNT));
		if (!err)
			return i;
		take_back(o, map, NULL);
	}
	kfree(i);
	return ERR_PTR(err);
}

/* One that is there, though no element is it any more, is as good as one that is. */
static struct bpf_moat_inner *find_or_add(struct moat_outer *o, struct bpf_map *map)
{
	struct bpf_moat_inner *i = xa_load(&o->inner, map->id);

	if (!i)
		return add(o, map);
	spin_lock_irq(&o->lock);
	i->nr++;
	spin_unlock_irq(&o->lock);
	bpf_map_put(map);
	return i;
}

struct bpf_moat_inner *bpf_moat_inner_begin(struct bpf_map *outer, const void *value)
{
	struct moat_outer *o = outer->inner_map_meta ? moat_outer_of(outer) : NULL;
	struct bpf_moat_inner *i;
	struct bpf_map *map;

	if (!o)
		return NULL;
	map = bpf_map_get(*(const u32 *)value);
	/* The update says what is wrong with it. */
	if (IS_ERR(map))
		return NULL;
	if (!outer->inner_map_meta->ops->map_meta_equal(outer->inner_map_meta, map)) {
		bpf_map_put(map);
		return NULL;
	}
	mutex_lock(&moat_inner_lock);
	i = find_or_add(o, map);
	mutex_unlock(&moat_inner_lock);
	if (IS_ERR(i))
		bpf_map_put(map);
	return i;
}

void bpf_moat_inner_end(const struct bpf_map *outer, const struct bpf_moat_inner *inner)
{
	if (inner)
		drop(moat_outer_of(outer), inner->id);
}

/* The file descriptor may name another map than when the update began: one that nobody has put into cages. */
bool bpf_moat_inner_get(const struct bpf_map *outer, const struct bpf_map *map)
{
	struct moat_outer *o = moat_outer_of(outer);

	return !o || hold(o, map->id);
}

void bpf_moat_inner_put(const struct bpf_map *outer, const struct bpf_map *map)
{
	struct moat_outer *o = moat_outer_of(outer);

	if (o)
		drop(o, map->id);
}

/* Inner maps that go ---------------------------------------------------------- */

static void put_all(struct list_head *gone)
{
	struct bpf_moat_inner *i, *next;

	/* Gates that found them by their handles are done then. */
	if (!list_empty(gone))
		synchronize_rcu();
	list_for_each_entry_safe(i, next, gone, gone) {
		bpf_map_put(i->map);
		kfree(i);
	}
}

/* Those that are in no element, and were in none since readers were waited for.  True: there are others in none. */
static bool collect(struct moat_outer *o, struct list_head *gone)
{
	struct bpf_moat_inner *i;
	bool others = false;
	unsigned long id;

	mutex_lock(&moat_inner_lock);
	xa_for_each(&o->inner, id, i) {
		bool unused, waited;

		spin_lock_irq(&o->lock);
		unused = !i->nr;
		waited = i->seen == i->removals;
		spin_unlock_irq(&o->lock);
		others |= unused && !waited;
		if (!unused || !waited)
			continue;
		xa_erase(&o->inner, id);
		take_back(o, i->map, NULL);
		list_add(&i->gone, gone);
	}
	mutex_unlock(&moat_inner_lock);
	return others;
}

static void sweep(struct work_struct *work)
{
	struct moat_outer *o = container_of(work, struct moat_outer, sweep);
	struct bpf_moat_inner *i;
	unsigned long id;
	LIST_HEAD(gone);

	do {
		/* Only sweeps take them out. */
		xa_for_each(&o->inner, id, i)
			i->seen = READ_ONCE(i->removals);
		synchronize_rcu();
	} while (collect(o, &gone));
	put_all(&gone);
}

void bpf_moat_outer_make(const struct bpf_map *map)
{
	struct moat_outer *o;

	if (!moat_heap_base || !moat_maps_isolated())
		return;
	o = kzalloc(sizeof(*o), GFP_KERNEL_ACCOUNT);
	/* Without it no isolated program can look into the map. */
	if (!o)
		return;
	o->map = map;
	spin_lock_init(&o->lock);
	xa_init(&o->inner);
	INIT_LIST_HEAD(&o->use);
	INIT_WORK(&o->sweep, sweep);
	spin_lock(&outers_lock);
	hash_add_rcu(outers, &o->node, (unsigned long)map);
	spin_unlock(&outers_lock);
}

void bpf_moat_outer_free(const struct bpf_map *map)
{
	struct moat_outer *o = moat_outer_of(map);
	struct bpf_moat_inner *i;
	unsigned long id;
	LIST_HEAD(gone);

	if (!o)
		return;
	spin_lock(&outers_lock);
	hash_del_rcu(&o->node);
	spin_unlock(&outers_lock);
	cancel_work_sync(&o->sweep);
	/* Programs hold their maps: there are none left that use it. */
	xa_for_each(&o->inner, id, i)
		list_add(&i->gone, &gone);
	put_all(&gone);
	synchronize_rcu();
	xa_destroy(&o->inner);
	kfree(o);
}
