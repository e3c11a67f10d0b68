/*
 * What the store that a new configuration names says of it: that it was moved away, and which users lose what
 * they were given by hand. The parent opens no store and waits for nobody: a process of its own looks,
 * executed anew, which reads the configuration and becomes the user that may use the store, as `mhsd -t`
 * does.
 */
#ifndef MHSD_EXAMINE_H
#define MHSD_EXAMINE_H

#include <event2/event.h>
#include <stdbool.h>

#include "base/span.h"

struct examination;

enum examine_what {
    EXAMINE_MOVED, /* only whether a start would be refused, as the store was moved away */
    EXAMINE_USERS  /* the users too */
};

/* Called once: each line of `warnings` is one; empty: nothing is known against the configuration. The
 * examination is freed afterwards. */
typedef void examine_done(void *context, struct span warnings);

/* Looks at what the file at `path` says. NULL: it can't be begun. */
struct examination *examine_begin(struct event_base *loop, int program, const char *path,
                                  enum examine_what what, examine_done *done, void *context);
/* Gives it up. NULL is allowed. */
void examine_free(struct examination *examination);

/* True when this process was started for that. */
bool examine_is_asked(int argc, char **argv);
int examine_run(char **argv);

#endif
