/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `moat dump audit`: what the gate does for each argument of each helper call. */
#include <errno.h>
#include <string.h>

#include "cli.h"

/* What the gate does, in one word. */
static const char *deed(const struct moat_arg_audit *a)
{
	if (a->kind >= MOAT_AUDIT_CONST && a->kind <= MOAT_AUDIT_DATA)
		return "supply";
	if (a->kind != MOAT_AUDIT_NUMBER)
		return "check";
	return a->span == ~0ull && !a->mask ? "pass" : "compare";
}

/* Is it what any call of that helper gets? */
static bool generic(const struct moat_arg_audit *a)
{
	return a->kind == MOAT_AUDIT_HANDLE || (a->kind == MOAT_AUDIT_MEMORY && a->region == MOAT_REGION_ANY);
}

struct tally {
	u32 calls, inlined, supplied, checked, passed;
};

static void count(struct tally *t, const struct moat_call_audit *c)
{
	u32 i;

	t->calls++;
	t->inlined += c->inlined;
	for (i = 0; !c->inlined && i < MOAT_MAX_ARGS; i++) {
		if (c->arg[i].kind == MOAT_AUDIT_NONE)
			continue;
		t->supplied += !strcmp(deed(&c->arg[i]), "supply");
		t->passed += !strcmp(deed(&c->arg[i]), "pass");
		t->checked += !strcmp(deed(&c->arg[i]), "compare") || !strcmp(deed(&c->arg[i]), "check");
	}
}

static const char *helper_name(struct moat_program *prog, const struct moat_call_audit *c)
{
	const struct moat_helper *h = moat_program__helper(prog, c->helper);

	return h && h->name ? h->name : "?";
}

static void call_text(struct moat_program *prog, const struct moat_call_audit *c)
{
	char text[256];
	u32 i;

	printf("%4u: call %s#%d%s\n", c->pc, helper_name(prog, c), c->helper,
	       c->inlined ? ": done by the image itself, nothing to audit" : c->proved ? "" : ": nothing is proved");
	for (i = 0; !c->inlined && i < MOAT_MAX_ARGS; i++)
		if (c->arg[i].kind != MOAT_AUDIT_NONE)
			printf("      r%u  %-8s %s%s\n", i + 1, deed(&c->arg[i]),
			       moat_program__audit_text(prog, &c->arg[i], text, sizeof(text)),
			       generic(&c->arg[i]) ? " (generic)" : "");
}

static int records(struct moat_program *prog, const char *isolation, struct moat_call_audit **calls, u32 *nr)
{
	int err = moat_program__audit(prog, calls, nr);

	if (err == -EOPNOTSUPP)
		return cli_error("%s: isolation %s audits nothing", moat_program__name(prog), isolation);
	return err ? cli_error("%s: %s", moat_program__name(prog), strerror(-err)) : CLI_OK;
}

int cli_audit_text(const struct dump_args *dump, struct moat_program *prog, const char *isolation)
{
	struct moat_call_audit *calls = NULL;
	struct moat_line last = { 0 };
	struct tally t = { 0 };
	u32 nr = 0, i;
	int status = records(prog, isolation, &calls, &nr);

	if (status)
		return status;
	printf("%s: isolation %s\n", moat_program__name(prog), isolation);
	for (i = 0; i < nr; i++) {
		if (cli_new_line(dump, prog, calls[i].pc, &last))
			cli_print_line(dump, &last);
		call_text(prog, &calls[i]);
		count(&t, &calls[i]);
	}
	printf("%u calls, %u of them inlined; arguments of the others: %u supplied, %u checked, %u passed\n", t.calls,
	       t.inlined, t.supplied, t.checked, t.passed);
	free(calls);
	return CLI_OK;
}

static json_object *argument_json(struct moat_program *prog, const struct moat_arg_audit *a, u32 i)
{
	json_object *o = json_object_new_object();
	char text[256];

	json_object_object_add(o, "arg", json_object_new_int(i + 1));
	json_object_object_add(o, "gate", json_object_new_string(deed(a)));
	json_object_object_add(o, "what", json_object_new_string(moat_program__audit_text(prog, a, text, sizeof(text))));
	if (generic(a))
		json_object_object_add(o, "generic", json_object_new_boolean(true));
	return o;
}

static json_object *call_json(const struct dump_args *dump, struct moat_program *prog, const struct moat_call_audit *c,
			      struct moat_line *last)
{
	json_object *o = json_object_new_object(), *list = json_object_new_array();
	u32 i;

	if (cli_new_line(dump, prog, c->pc, last))
		cli_add_line(dump, o, last);
	json_object_object_add(o, "pc", json_object_new_int64(c->pc));
	json_object_object_add(o, "helper", json_object_new_int(c->helper));
	json_object_object_add(o, "name", json_object_new_string(helper_name(prog, c)));
	json_object_object_add(o, "proved", json_object_new_boolean(c->proved));
	json_object_object_add(o, "inlined", json_object_new_boolean(c->inlined));
	for (i = 0; i < MOAT_MAX_ARGS; i++)
		if (c->arg[i].kind != MOAT_AUDIT_NONE)
			json_object_array_add(list, argument_json(prog, &c->arg[i], i));
	json_object_object_add(o, "args", list);
	return o;
}

int cli_audit_json(const struct dump_args *dump, struct moat_program *prog, const char *isolation, json_object *o)
{
	json_object *list = json_object_new_array();
	struct moat_call_audit *calls = NULL;
	struct moat_line last = { 0 };
	u32 nr = 0, i;
	int status = records(prog, isolation, &calls, &nr);

	for (i = 0; !status && i < nr; i++)
		json_object_array_add(list, call_json(dump, prog, &calls[i], &last));
	json_object_object_add(o, "isolation", json_object_new_string(isolation));
	json_object_object_add(o, "calls", list);
	free(calls);
	return status;
}
