/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files as a whole, and bytes written as hex digits. */
#include <ctype.h>
#include "cli.h"

/* Grows as needed: the size of a pipe is not known before its end. */
static u8 *read_all(FILE *f, size_t *bytes)
{
	size_t room = 4096, n;
	u8 *data = NULL, *more;

	*bytes = 0;
	do {
		more = realloc(data, room + 1);
		if (!more)
			break;
		data = more;
		n = fread(data + *bytes, 1, room - *bytes, f);
		*bytes += n;
		if (*bytes < room) {
			data[*bytes] = 0;
			return data;
		}
		room *= 2;
	} while (room <= 2 * (size_t)CLI_MAX_FILE);
	free(data);
	errno = EFBIG;
	return NULL;
}

void *cli_read(const char *path, size_t *bytes)
{
	bool in = !strcmp(path, "-");
	FILE *f = in ? stdin : fopen(path, "rb");
	void *data;
	int err;

	if (!f) {
		cli_error("%s: %s", path, strerror(errno));
		return NULL;
	}
	errno = 0;
	data = read_all(f, bytes);
	err = errno;
	if (data && ferror(f)) {
		free(data);
		data = NULL;
	}
	if (!in)
		fclose(f);
	if (!data)
		cli_error("%s: %s", in ? "standard input" : path, strerror(err ? err : EIO));
	return data;
}

int cli_write(const char *path, const void *data, size_t bytes)
{
	bool out = !strcmp(path, "-");
	FILE *f = out ? stdout : fopen(path, "wb");
	bool bad;

	if (!f)
		return cli_error("%s: %s", path, strerror(errno));
	bad = fwrite(data, 1, bytes, f) != bytes;
	bad |= (out ? fflush(f) : fclose(f)) != 0;
	if (bad)
		return cli_error("%s: %s", path, strerror(errno));
	return CLI_OK;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

long cli_unhex(const char *hex, size_t len, u8 *out)
{
	size_t i;
	long n = 0;
	int d;

	for (i = 0; i < len; i++) {
		if (isspace((unsigned char)hex[i]))
			continue;
		d = digit(hex[i]);
		if (d < 0)
			return -1;
		if (n % 2)
			out[n / 2] |= d;
		else
			out[n / 2] = d << 4;
		n++;
	}
	return n % 2 ? -1 : n / 2;
}
