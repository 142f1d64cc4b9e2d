/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the subcommands of `moat` share: options, messages, objects, maps as text and JSON. */
#ifndef MOAT_CLI_H
#define MOAT_CLI_H

#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#include <moat/moat.h>
#include "../../jit/jit.h"

/* Exit status of the command. */
enum { CLI_OK, CLI_FAILED, CLI_USAGE };

/* One subcommand.  argv[0] is its name; returns the exit status. */
struct command {
	const char *name;
	int (*fn)(int argc, char **argv);
	const char *summary;
};

int cmd_run(int argc, char **argv);
int cmd_dump(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_features(int argc, char **argv);
int cmd_exec(int argc, char **argv);
int cmd_help(int argc, char **argv);

/* Options that every subcommand understands. */
struct cli {
	bool json;
	bool pretty;
	bool debug;
};
extern struct cli cli;

/* Output (output.c) ------------------------------------------------------- */

/* A message on stderr; with --json also {"error": ...} on stdout, once.  Returns CLI_FAILED. */
__printf(1, 2) int cli_error(const char *fmt, ...);
/* The same for a wrong command line: adds where to get help for @command.  Returns CLI_USAGE. */
__printf(2, 3) int cli_usage(const char *command, const char *fmt, ...);
/* A remark on stderr, no error. */
__printf(1, 2) void cli_note(const char *fmt, ...);
/* Print @value as --json and --pretty say, and release it. */
void cli_json(json_object *value);
/* Install the library's message callback. */
void cli_messages(void);
/* The closest of @names (ended by NULL) to @given, or NULL if none is near. */
const char *cli_closest(const char *given, const char *const *names);
/* "0xdeadbeef" */
json_object *cli_hex(u64 value);
/* "de ad be ef"; @text has room for 3 * bytes + 1. */
const char *cli_bytes(char *text, const void *data, size_t bytes);

/* Options (options.c) ----------------------------------------------------- */

enum { OPT_JSON = 'j', OPT_HELP = 'h', OPT_PRETTY = 256, OPT_DEBUG, OPT_OWN };
#define CLI_COMMON_OPTIONS				\
	{ "json", no_argument, NULL, OPT_JSON },	\
	{ "pretty", no_argument, NULL, OPT_PRETTY },	\
	{ "debug", no_argument, NULL, OPT_DEBUG },	\
	{ "help", no_argument, NULL, OPT_HELP }

/* A subcommand's command line. */
struct cli_args {
	const char *command;
	const char *help;
	const char *letters;		/* getopt's short options, with "jh" */
	const struct option *options;
};
/*
 * The next option that is the subcommand's own, -1 after the last.  Handles
 * the common ones; when the command is over (help, or an error that was
 * told) returns '?' with the exit status in *@status.
 */
int cli_option(const struct cli_args *args, int argc, char **argv, int *status);
/* Start over with a new argv. */
void cli_option_reset(void);
/* Decimal or 0x number up to @max; false if @text is not one. */
bool cli_number(const char *text, u64 max, u64 *value);
/* A mode's name, or "auto"; tells the names there are on error. */
int cli_mode(const char *command, const char *text, enum moat_mode *mode);
/* The same, for commands about code of either architecture: pku and poe are one mode. */
int cli_mode_either(const char *command, const char *text, enum moat_mode *mode);
/* What @mode is called on @arch ("x86", "arm64"); NULL: here. */
const char *cli_mode_name(const char *arch, enum moat_mode mode);
/* "register" or "segment", as struct moat_open_opts wants it. */
int cli_base_form(const char *command, const char *text, u8 *form);

/* Files and hex (file.c) --------------------------------------------------- */

#define CLI_MAX_FILE	(64u << 20)

/* All of @path ("-": standard input), to be freed; NULL after a message.  Has a 0 byte behind its end. */
void *cli_read(const char *path, size_t *bytes);
static inline bool cli_is_stdout(const char *path)
{
	return path && !strcmp(path, "-");
}
/* Write a file ("-": standard output).  CLI_OK or CLI_FAILED after a message. */
int cli_write(const char *path, const void *data, size_t bytes);
/* Hex digits, white space ignored, to bytes in @out (room: strlen / 2).  Their number, or -1. */
long cli_unhex(const char *hex, size_t len, u8 *out);

/* Objects (object.c) ------------------------------------------------------- */

/* Open @path; NULL after a message that says what is wrong with it, or that the mode is not enforced here. */
struct moat_object *cli_open(const char *path, const struct moat_open_opts *opts);
/* Load; CLI_OK or CLI_FAILED after a message. */
int cli_load(struct moat_object *obj);
/* The program called @name; NULL: the only one.  NULL after a message that lists the names. */
struct moat_program *cli_program(struct moat_object *obj, const char *name);
/* Say on stderr which mode @obj got by `auto`, and which stronger ones are not enforced. */
void cli_tell_auto(const struct moat_object *obj);
/* "xdp", or NULL for a type without a name of its own. */
const char *cli_type_name(enum bpf_prog_type type);
/* "XDP_PASS", or NULL: a return value without a name. */
const char *cli_verdict(enum bpf_prog_type type, u64 retval);
bool cli_is_packet_type(enum bpf_prog_type type);

/* Faults (fault.c) --------------------------------------------------------- */

void cli_fault_text(FILE *to, struct moat_program *prog, const struct moat_fault *fault);
json_object *cli_fault_json(struct moat_program *prog, const struct moat_fault *fault);

/* Maps (maps.c, fill.c, btf.c) --------------------------------------------- */

/* Elements to set before a run: "NAME:KEY=VALUE". */
#define CLI_MAX_FILLS	256
/* Set one element; CLI_OK, or CLI_USAGE or CLI_FAILED after a message. */
int cli_fill(struct moat_object *obj, const char *spec);
/* Contents of every map that has any, as JSON (an array) or text. */
json_object *cli_maps_json(struct moat_object *obj, const char *path);
void cli_maps_text(struct moat_object *obj, const char *path);

/* Types of the map values of an object file, from its BTF. */
struct cli_types;
struct cli_types *cli_types_open(const char *path);	/* NULL: no BTF */
void cli_types_close(struct cli_types *types);
/* A value or key as JSON with member names; NULL: not described. */
json_object *cli_types_value(const struct cli_types *types, const char *map, const void *value, size_t bytes);
json_object *cli_types_key(const struct cli_types *types, const char *map, const void *key, size_t bytes);

/* Disassembly (disasm.c) --------------------------------------------------- */

struct cli_insn {
	u32 bytes;
	char operation[32];
	char operands[160];	/* separated by ",", as in the text */
};
struct cli_disasm;
struct cli_disasm *cli_disasm_open(const char *arch);	/* NULL: not known; message */
void cli_disasm_close(struct cli_disasm *d);
/* Decode one instruction at @code; what cannot be decoded becomes ".byte 0x.." or ".inst 0x..". */
void cli_disasm(struct cli_disasm *d, const u8 *code, u32 left, u64 address, struct cli_insn *insn);

/* Dumps (dump.c, jited.c, audit.c) --------------------------------------------------- */

struct dump_args {
	const char *object, *program;
	const char *arch;	/* NULL: the code that would run here */
	enum moat_mode mode;
	u8 form;
	bool jited, audit, opcodes, linum, unmetered, blind;	/* neither of the first two: xlated */
};
/* Is the source of slot @insn another line (or column, with --linum) than @last?  Then it is put there. */
bool cli_new_line(const struct dump_args *dump, struct moat_program *prog, u32 insn, struct moat_line *last);
void cli_print_line(const struct dump_args *dump, const struct moat_line *line);
void cli_add_line(const struct dump_args *dump, json_object *o, const struct moat_line *line);
void cli_add_opcodes(json_object *o, const void *bytes, u32 n);
int cli_audit_text(const struct dump_args *dump, struct moat_program *prog, const char *isolation);
int cli_audit_json(const struct dump_args *dump, struct moat_program *prog, const char *isolation, json_object *o);
int cli_jited_text(const struct dump_args *dump, struct moat_program *prog, const char *isolation);
int cli_jited_json(const struct dump_args *dump, struct moat_program *prog, const char *isolation, json_object *o);

/* Runs (run.c, run_options.c, pcap.c) ------------------------------------------------ */

struct run_args {
	const char *object, *program, *data, *pcap, *ctx, *data_out, *ctx_out;
	enum moat_mode mode;
	u8 form;
	u32 repeat;
	u64 fuel;
	bool maps, unmetered, blind;
	const char *fill[CLI_MAX_FILLS];
	u32 nr_fill;
};
/* Fill @run; with *@over the command has ended with the status returned. */
int cli_run_parse(struct run_args *run, int argc, char **argv, bool *over);
int cli_run_pcap(const struct run_args *args, struct moat_object *obj, struct moat_program *prog);
/* Room for data that a program may have made longer. */
#define CLI_ROOM	(128u << 10)

#endif
