/*
 * What a configuration wants to know of the system: the numbers of users and
 * groups. The parent asks, and writes the answers down;
 * the other processes, which live in a sandbox without files, read them in the
 * same order, for they read the same text.
 *
 * An answer is a line: the question's words, then the answer's, tabs between.
 */
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

#include "mhsd/config_private.h"

/* The next written answer, when it is one to this question; else NULL. False: the system is to be asked. */
static bool answered(struct loader *l, const char *question, const char **answer) {
    size_t length = strlen(question);
    if (!l->answers)
        return false;
    const char *end = strchr(l->answers, '\n');
    bool fits = end && strncmp(l->answers, question, length) == 0;
    *answer = fits ? l->answers + length : NULL;
    if (fits)
        l->answers = end + 1;
    return true;
}

static void write_down(struct loader *l, const char *question, const char *answer) {
    if (l->record)
        buf_printf(l->record, "%s%s\n", question, answer);
}

bool lookup_user(struct loader *l, const char *name, uint32_t *uid) {
    char question[300], number[16];
    const char *answer;
    snprintf(question, sizeof question, "user\t%.200s\t", name);
    if (answered(l, question, &answer)) {
        *uid = answer ? (uint32_t)strtoul(answer, NULL, 10) : 0;
        return answer != NULL;
    }
    const struct passwd *entry = getpwnam(name);
    if (!entry)
        return false;
    *uid = entry->pw_uid;
    snprintf(number, sizeof number, "%u", *uid);
    write_down(l, question, number);
    return true;
}

static bool take_group(struct loader *l, const char *answer, struct lookup_group *group) {
    size_t room = 1;
    char *end;
    for (const char *c = answer; *c != '\n'; c++)
        room += *c == '\t';
    uint32_t *uids = config_array(l, room, sizeof *uids);
    if (!uids)
        return false;
    *group = (struct lookup_group){.gid = (uint32_t)strtoul(answer, &end, 10), .uids = uids};
    while (*end == '\t')
        uids[group->count++] = (uint32_t)strtoul(end + 1, &end, 10);
    return true;
}

bool lookup_group(struct loader *l, const char *name, struct lookup_group *group) {
    char question[300];
    const char *answer;
    struct buf line;
    snprintf(question, sizeof question, "group\t%.200s\t", name);
    if (answered(l, question, &answer))
        return answer && take_group(l, answer, group);
    const struct group *entry = getgrnam(name);
    if (!entry)
        return false;
    buf_init(&line, 0);
    buf_printf(&line, "%u", entry->gr_gid);
    for (char **member = entry->gr_mem; *member; member++) {
        const struct passwd *user = getpwnam(*member);
        if (user)
            buf_printf(&line, "\t%u", user->pw_uid);
    }
    buf_append(&line, "\n", 2); /* and the octet that ends a string */
    bool done = !line.failed && take_group(l, (const char *)line.data, group);
    if (done && l->record) {
        buf_printf(l->record, "%s", question);
        buf_append(l->record, line.data, line.len - 1);
    }
    buf_free(&line);
    return done;
}
