/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `moat verify`: prove of finished machine code that it confines itself. */
#include "cli.h"
#include "facts.h"
#include "../../jit/arch.h"

static const char help[] =
	"Usage: moat verify OBJECT [-p PROGRAM] [OPTIONS]\n"
	"       moat verify --image FILE --arch ARCH --isolation MODE [OPTIONS]\n"
	"       moat verify --image FILE --kernel FACTS [--id ID | -p PROGRAM]\n\n"
	"Check machine code with the image checker, which shares nothing with the emitter:\n"
	"of the programs of an object file, for both architectures and all modes unless\n"
	"options say which, and with it the gates: that the audit of each helper call does\n"
	"what the call's record and the helper demand; or of raw bytes, as dumps of running\n"
	"images have them, without gates.\n"
	"A kernel's image comes from `bpftool prog dump jited id ID file FILE`, and FACTS\n"
	"from its file /sys/kernel/debug/moat/images, or a line of it.\n\n"
	"Options:\n"
	"  -p, --program NAME    one program; without it all\n"
	"      --arch ARCH       x86 or arm64\n"
	"      --isolation MODE  none, basereg, pku, pku+basereg; on arm64 poe for pku\n"
	"      --base FORM       base register form: register (the default) or segment\n"
	"  -o, --output FILE     also write the code of the one program\n"
	"Of an image (defaults: what `moat verify -o` writes):\n"
	"      --address N       where it runs\n"
	"      --entry N         offset of a callback's entry; may be repeated\n"
	"      --args N          arguments of the main entry: 1 or 2\n"
	"      --call N, --tail N, --packet N\n"
	"                        addresses of the host's functions\n"
	"      --host-rights N, --domain-rights N\n"
	"                        what gates write\n"
	"Of a kernel's image:\n"
	"      --kernel FACTS    a file with a line KEY=VALUE... for each program, or a line\n"
	"      --id ID           which line, by the program's number; or by its name: -p\n"
	"  -j, --json            print JSON\n"
	"      --pretty          print JSON, indented\n"
	"      --debug           show the library's messages\n"
	"  -h, --help            this text\n";

enum { OPT_IMAGE = OPT_OWN, OPT_ARCH, OPT_ISOLATION, OPT_BASE, OPT_ENTRY, OPT_ARGS, OPT_ADDRESS, OPT_CALL, OPT_TAIL,
       OPT_PACKET, OPT_HOST_RIGHTS, OPT_DOMAIN_RIGHTS, OPT_KERNEL, OPT_ID, OPT_LAST };

static const struct option options[] = {
	{ "program", required_argument, NULL, 'p' }, { "output", required_argument, NULL, 'o' },
	{ "image", required_argument, NULL, OPT_IMAGE }, { "arch", required_argument, NULL, OPT_ARCH },
	{ "isolation", required_argument, NULL, OPT_ISOLATION }, { "base", required_argument, NULL, OPT_BASE },
	{ "entry", required_argument, NULL, OPT_ENTRY }, { "args", required_argument, NULL, OPT_ARGS },
	{ "address", required_argument, NULL, OPT_ADDRESS }, { "call", required_argument, NULL, OPT_CALL },
	{ "tail", required_argument, NULL, OPT_TAIL }, { "packet", required_argument, NULL, OPT_PACKET },
	{ "host-rights", required_argument, NULL, OPT_HOST_RIGHTS },
	{ "domain-rights", required_argument, NULL, OPT_DOMAIN_RIGHTS },
	{ "kernel", required_argument, NULL, OPT_KERNEL }, { "id", required_argument, NULL, OPT_ID },
	CLI_COMMON_OPTIONS,
	{ NULL, 0, NULL, 0 },
};

#define MAX_ENTRIES	64

struct verify_args {
	const char *object, *program, *output, *image, *arch, *kernel;
	enum moat_mode mode;	/* AUTO: all */
	u8 form;
	u64 number[OPT_LAST];	/* by option */
	bool given[OPT_LAST];
	u32 entry[MAX_ENTRIES], nr_entry;
	json_object *rows;
	u32 refused, checked;
};

static int set_number(struct verify_args *args, int c)
{
	if (!cli_number(optarg, ~0ull, &args->number[c]))
		return cli_usage("verify", "'%s' is not a number", optarg);
	args->given[c] = true;
	if (c == OPT_ARGS && (args->number[c] < 1 || args->number[c] > 2))
		return cli_usage("verify", "a main entry has 1 or 2 arguments, not %s", optarg);
	if (c == OPT_ID && !args->number[c])
		return cli_usage("verify", "a program's number is not 0");
	if (c != OPT_ENTRY)
		return CLI_OK;
	if (args->nr_entry == MAX_ENTRIES || args->number[c] > ~0u)
		return cli_usage("verify", "too many entries, or too far: %s", optarg);
	args->entry[args->nr_entry++] = args->number[c];
	return CLI_OK;
}

static int set_option(struct verify_args *args, int c)
{
	switch (c) {
	case 'p':	args->program = optarg; return CLI_OK;
	case 'o':	args->output = optarg; return CLI_OK;
	case OPT_IMAGE:	args->image = optarg; return CLI_OK;
	case OPT_KERNEL: args->kernel = optarg; return CLI_OK;
	case OPT_ISOLATION: return cli_mode_either("verify", optarg, &args->mode);
	case OPT_BASE:	return cli_base_form("verify", optarg, &args->form);
	case OPT_ARCH:
		args->arch = optarg;
		return !strcmp(optarg, "x86") || !strcmp(optarg, "arm64") ? CLI_OK :
		       cli_usage("verify", "unknown architecture '%s'; there are: x86, arm64", optarg);
	default:	return set_number(args, c);
	}
}

/* One image: a line or a row. */
static void tell(struct verify_args *args, const char *name, const char *arch, enum moat_mode mode, u32 bytes,
		 const struct moat_check *c, const struct moat_code *code, bool accepted)
{
	json_object *o;

	args->checked++;
	args->refused += !accepted;
	if (!cli.json) {
		printf("%s: %s %s: %u bytes", name, arch, cli_mode_name(arch, mode), bytes);
		if (code && code->nr_gates)
			printf(", %u gate%s", code->nr_gates, code->nr_gates > 1 ? "s" : "");
		printf(": %s", accepted ? "accepted" : "refused");
		if (c && !accepted)
			printf(" at 0x%x: %s", c->at, c->why);
		printf("\n");
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "name", json_object_new_string(name));
	json_object_object_add(o, "arch", json_object_new_string(arch));
	json_object_object_add(o, "isolation", json_object_new_string(cli_mode_name(arch, mode)));
	json_object_object_add(o, "bytes", json_object_new_int64(bytes));
	if (code)
		json_object_object_add(o, "gates", json_object_new_int64(code->nr_gates));
	json_object_object_add(o, "accepted", json_object_new_boolean(accepted));
	if (c && !accepted) {
		json_object_object_add(o, "at", json_object_new_int64(c->at));
		json_object_object_add(o, "reason", json_object_new_string(c->why));
	}
	json_object_array_add(args->rows, o);
}

static u64 number_or(const struct verify_args *args, int c, u64 other)
{
	return args->given[c] ? args->number[c] : other;
}

/* The addresses and rights that moat_program__emit() pretends. */
static struct moat_check facts_of(const struct verify_args *args, const u8 *code, u32 bytes)
{
	bool arm = !strcmp(args->arch, "arm64");
	u64 address = number_or(args, OPT_ADDRESS, 0x200000000000ull), host = 0x200000000000ull + 0x40010040;

	return (struct moat_check) {
		.arch = arm ? &a64_arch : &x64_arch, .code = code, .bytes = bytes, .pc = address,
		.mode = args->mode, .form = args->form ? args->form : MOAT_BASE_REGISTER,
		.entry_args = number_or(args, OPT_ARGS, 1), .entry = args->entry, .nr_entry = args->nr_entry,
		.host_rights = number_or(args, OPT_HOST_RIGHTS, arm ? 0x7 : 0x55555554),
		.domain_rights = number_or(args, OPT_DOMAIN_RIGHTS, arm ? 0x52 : 0x55555551),
		.call = number_or(args, OPT_CALL, host), .tail = number_or(args, OPT_TAIL, host + 64),
		.packet = number_or(args, OPT_PACKET, host + 128),
	};
}

static int check(struct verify_args *args, const char *arch, enum moat_mode mode, struct moat_check *c)
{
	void *work = malloc(moat_check_bytes(c->bytes));

	if (!work)
		return cli_error("no memory to check %u bytes", c->bytes);
	tell(args, args->image, arch, mode, c->bytes, c, NULL, !moat_check(c, work));
	free(work);
	return CLI_OK;
}

static int verify_image(struct verify_args *args)
{
	struct moat_check c;
	size_t bytes;
	void *code;
	int status;

	if (!args->arch || args->mode == MOAT_MODE_AUTO)
		return cli_usage("verify", "an image needs --arch and --isolation, or --kernel");
	code = cli_read(args->image, &bytes);
	if (!code)
		return CLI_FAILED;
	c = facts_of(args, code, bytes);
	status = check(args, args->arch, args->mode, &c);
	free(code);
	return status;
}

static int verify_kernel(struct verify_args *args)
{
	struct facts_wanted wanted = { .name = args->program, .id = args->number[OPT_ID] };
	struct moat_check c;
	struct facts f;
	u8 *code;
	int status = facts_read(&f, args->kernel, &wanted);

	if (status != CLI_OK)
		return status;
	code = facts_image(&f, args->image, &c);
	status = code ? check(args, f.arch, MOAT_MODE_BASEREG, &c) : CLI_FAILED;
	free(code);
	facts_free(&f);
	return status;
}

/* A kernel's image needs facts that no option has, and those that options have must be of the same kernel. */
static int check_kernel_args(const struct verify_args *args)
{
	int c;

	if (!args->kernel)
		return args->given[OPT_ID] ? cli_usage("verify", "--id chooses a line of --kernel") : CLI_OK;
	if (!args->image)
		return cli_usage("verify", "--kernel needs --image");
	for (c = OPT_IMAGE; c < OPT_KERNEL; c++)
		if (args->given[c])
			break;
	if (c < OPT_KERNEL || args->arch || args->mode != MOAT_MODE_AUTO || args->form || args->output)
		return cli_usage("verify", "--kernel tells all facts itself: no --arch, --isolation, --address or the like");
	return CLI_OK;
}

static int verify_program(struct verify_args *args, struct moat_program *prog, const char *arch, enum moat_mode mode)
{
	struct moat_code code;
	int err = moat_program__emit(prog, arch, &code), status = CLI_OK;

	if (err && err != -EPERM)
		return cli_error("%s: no code for %s: %s", moat_program__name(prog), arch, strerror(-err));
	tell(args, moat_program__name(prog), arch, mode, code.bytes, NULL, &code, !err);
	if (!err && args->output)
		status = cli_write(args->output, code.code, code.bytes);
	if (!err)
		moat_code__free(&code);
	return status;
}

static int verify_mode(struct verify_args *args, const char *arch, enum moat_mode mode)
{
	MOAT_OPEN_OPTS(opts, .mode = mode, .base_form = args->form, .emit_only = true, .verify = true);
	struct moat_object *obj = cli_open(args->object, &opts);
	struct moat_program *prog;
	int status;

	if (!obj)
		return CLI_FAILED;
	status = cli_load(obj);
	if (status == CLI_OK && (args->program || args->output)) {
		prog = cli_program(obj, args->program);
		status = prog ? verify_program(args, prog, arch, mode) : CLI_FAILED;
	} else {
		for (prog = NULL; status == CLI_OK && (prog = moat_object__next_program(obj, prog));)
			status = verify_program(args, prog, arch, mode);
	}
	moat_object__close(obj);
	return status;
}

static int verify_object(struct verify_args *args)
{
	static const char *const archs[] = { "x86", "arm64" };
	int m, status = CLI_OK;
	size_t a;

	for (a = 0; a < ARRAY_SIZE(archs); a++)
		for (m = MOAT_MODE_NONE; m < MOAT_NR_MODES && status == CLI_OK; m++)
			if ((!args->arch || !strcmp(args->arch, archs[a])) && (!args->mode || (int)args->mode == m) &&
			    !(a && args->form == MOAT_BASE_SEGMENT))
				status = verify_mode(args, archs[a], m);
	return status;
}

int cmd_verify(int argc, char **argv)
{
	static const struct cli_args cli_args = { "verify", help, "p:o:jh", options };
	struct verify_args args = { .mode = MOAT_MODE_AUTO };
	int c, status = CLI_OK;

	while ((c = cli_option(&cli_args, argc, argv, &status)) != -1) {
		if (c != '?')
			status = set_option(&args, c);
		if (c == '?' || status != CLI_OK)
			return status;
	}
	args.object = argv[optind];
	if (!args.object == !args.image || (args.object && argv[optind + 1]))
		return cli_usage("verify", "one object file, or an image by --image");
	status = check_kernel_args(&args);
	if (status != CLI_OK)
		return status;
	if (args.output && (!args.arch || !args.mode))
		return cli_usage("verify", "--output needs --arch and --isolation");
	args.rows = cli.json ? json_object_new_array() : NULL;
	status = args.kernel ? verify_kernel(&args) : args.image ? verify_image(&args) : verify_object(&args);
	if (status == CLI_OK && cli.json)
		cli_json(args.rows);
	else if (args.rows)
		json_object_put(args.rows);
	return status == CLI_OK && args.refused ? CLI_FAILED : status;
}
