/*
 * The text of a configuration: the file with what it includes, as one text that
 * other processes can be given, and where in the files a line of it stands.
 */
#ifndef MHSD_CONFIG_SOURCE_H
#define MHSD_CONFIG_SOURCE_H

#include "base/buf.h"
#include "base/error.h"

/*
 * Appends the file at `path` to `text`. A line `include("FILE")` is replaced by
 * that file; a relative name counts from the folder of the file that includes
 * it. False with an error that names file, line and cause: a file can't be
 * read, is included in itself, or is too long for the buffer.
 */
bool source_read(const char *path, struct buf *text, struct error *err);

/* Writes the place of line `line` of a text as "FILE: line N" to `out`; `name` is the file that includes the
 * others. Returns `out`. */
char *source_place(struct span text, const char *name, int line, size_t size, char out[]);

/* A section as the parser tells of it. */
struct source_section {
    const char *name, *title; /* title NULL: it has none */
    int end;                  /* the line of its closing brace */
};

/* The line of `text` on which `option` (may be NULL) is set in the section (NULL: the top level); where it is
 * not set, the line on which the section begins, 0 for the top level. */
int source_option_line(struct span text, const struct source_section *section, const char *option);

/* Puts spaces for all comments: libConfuse 3.3 counts the end of a line in them twice. */
void source_blank_comments(char *text);

#endif
