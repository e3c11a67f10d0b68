/*
 * What a configuration wants to know of the system: the numbers of users and
 * groups, the addresses of hosts. The parent asks, and writes the answers down;
 * the other processes, which live in a sandbox without files, read them in the
 * same order, for they read the same text.
 *
 * An answer is a line: the question's words, then the answer's, tabs between.
 */
#include <errno.h>
#include <grp.h>
#include <netdb.h>
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

/* ---- hosts ---- */

static int hex_digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_host(const char *answer, struct protocol_endpoint *endpoint) {
    uint8_t *octets = (uint8_t *)&endpoint->address;
    size_t length = 0;
    for (; hex_digit(answer[0]) >= 0 && hex_digit(answer[1]) >= 0 && length < sizeof endpoint->address;
         answer += 2)
        octets[length++] = (uint8_t)(hex_digit(answer[0]) << 4 | hex_digit(answer[1]));
    endpoint->length = (socklen_t)length;
    return length > 0;
}

static void write_host(struct loader *l, const char *question, const struct protocol_endpoint *endpoint) {
    char hex[2 * sizeof endpoint->address + 1];
    for (size_t i = 0; i < endpoint->length; i++)
        snprintf(hex + 2 * i, 3, "%02x", ((const uint8_t *)&endpoint->address)[i]);
    write_down(l, question, hex);
}

int lookup_host(struct loader *l, const char *host, unsigned port, bool passive,
                struct protocol_endpoint *endpoint) {
    char question[400], service[8];
    const char *answer;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = passive ? AI_PASSIVE : 0};
    struct addrinfo *found = NULL;
    snprintf(service, sizeof service, "%u", port);
    snprintf(question, sizeof question, "host\t%.300s\t%s\t%d\t", host, service, passive);
    if (answered(l, question, &answer))
        return answer && take_host(answer, endpoint) ? 0 : EAI_NONAME;
    int status = getaddrinfo(host, service, &hints, &found);
    if (status != 0)
        return status;
    memcpy(&endpoint->address, found->ai_addr, found->ai_addrlen);
    endpoint->length = found->ai_addrlen;
    freeaddrinfo(found);
    write_host(l, question, endpoint);
    return 0;
}
