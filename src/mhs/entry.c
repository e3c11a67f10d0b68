#include "mhs/entry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "asn1/ber.h"
#include "ipc/payload.h"
#include "mhs/daemon.h"
#include "mhs/output.h"
#include "mhs/progress.h"
#include "names/oraddress.h"

uint64_t entry_number(const char *text) {
    char *end;
    unsigned long long number = text ? strtoull(text, &end, 10) : 0;
    if (text && *text >= '1' && *text <= '9' && !*end)
        return number;
    command_fail(COMMAND_USAGE, "'%s' is no number of an entry; 'mhs list' shows them", text ? text : "");
    return 0;
}

/* One piece of the content or the envelope, valid until the next frame is received. */
static enum command_status fetch_piece(const char *mailbox, uint64_t number, enum ipc_fetch_part part,
                                       uint64_t offset, uint32_t length, struct span *octets,
                                       uint64_t *total) {
    struct buf request;
    struct error err = {0};
    uint64_t ref = daemon_next_ref();
    enum command_status status = COMMAND_OK;
    if (!daemon_connection())
        return COMMAND_UNREACHABLE;
    buf_init(&request, 0);
    payload_put_octets(&request, span_str(mailbox));
    buf_append_u64(&request, number);
    buf_append_u64(&request, offset);
    buf_append_u32(&request, length);
    buf_append_byte(&request, (uint8_t)part);
    if (request.failed || !ipc_client_send(daemon_connection(), IPC_FETCH, ref, buf_span(&request),
                                           (struct span){NULL, 0}, &err))
        status = (enum command_status)command_fail(COMMAND_UNREACHABLE, "%s",
                                                   request.failed ? "no memory" : err.text);
    buf_free(&request);
    struct span payload;
    if (status != COMMAND_OK || !daemon_receive(ref, IPC_FETCH_DATA, &payload, &status))
        return status;
    struct reader r = reader_of(payload);
    bool same = reader_u64(&r) == offset;
    *total = reader_u64(&r);
    *octets = payload_rest(&r);
    return same && !r.failed ? COMMAND_OK
                             : (enum command_status)command_fail(
                                   COMMAND_UNREACHABLE, "the daemon sent another piece than was asked for");
}

/* All of the envelope, into the arena: it is bounded (IPC_ENVELOPE_MAX), the daemon's word on its length is
 * not taken for more than that. */
static enum command_status fetch_envelope(struct entry *entry) {
    uint64_t total = (uint64_t)out_integer(entry->summary, "envelope-octets"), offset = 0;
    uint8_t *whole = total && total <= 2 * IPC_ENVELOPE_MAX ? arena_alloc(entry->arena, (size_t)total) : NULL;
    if (!whole)
        return (enum command_status)command_fail(COMMAND_UNREACHABLE,
                                                 "the daemon's answer has no envelope that fits");
    while (offset < total) {
        struct span octets;
        uint64_t now;
        enum command_status status =
            fetch_piece(entry->mailbox, entry->number, IPC_FETCH_ENVELOPE, offset, IPC_CHUNK, &octets, &now);
        if (status != COMMAND_OK)
            return status;
        if (!octets.len || now != total || octets.len > total - offset)
            return (enum command_status)command_fail(COMMAND_UNREACHABLE,
                                                     "the daemon sent another envelope than it told of");
        memcpy(whole + offset, octets.data, octets.len);
        offset += octets.len;
    }
    entry->envelope = span_of(whole, (size_t)total);
    return COMMAND_OK;
}

static enum command_status read_envelope(struct entry *entry) {
    static const struct ber_limits lax = {.relax_bounds = true, .relax_characters = true};
    struct ber_error why = {0};
    const char *kind = json_string_value(json_object_get(entry->summary, "kind"));
    bool report = kind && strcmp(kind, "report") == 0;
    enum command_status status = fetch_envelope(entry);
    if (status != COMMAND_OK)
        return status;
    void *value = arena_alloc(entry->arena, report ? sizeof *entry->report : sizeof *entry->message);
    const struct ber_type *type =
        report ? &x411p3_ReportDeliveryEnvelope_type : &x411p3_MessageDeliveryEnvelope_type;
    if (!value)
        return (enum command_status)command_fail(COMMAND_FAILED, "no memory");
    if (!ber_decode(type, entry->envelope, entry->arena, &lax, value, &why))
        return (enum command_status)command_fail(COMMAND_NO, "the delivery envelope can't be read: %s: %s",
                                                 why.path, why.text);
    if (report)
        entry->report = value;
    else
        entry->message = value;
    return COMMAND_OK;
}

enum command_status entry_open(struct entry *entry, const char *mailbox, uint64_t number,
                               struct arena *arena) {
    *entry = (struct entry){.mailbox = mailbox, .number = number, .arena = arena};
    enum command_status status = daemon_request(json_pack("{s:s, s:s, s:I}", "operation", "mailbox-show",
                                                          "mailbox", mailbox, "entry", (json_int_t)number),
                                                &entry->summary);
    return status == COMMAND_OK ? read_envelope(entry) : status;
}

struct span entry_peek(const char *mailbox, uint64_t number, uint32_t length, struct arena *arena) {
    struct span octets;
    uint64_t total;
    daemon_quiet(true); /* it may be deleted in the meantime */
    bool done = fetch_piece(mailbox, number, IPC_FETCH_CONTENT, 0, length, &octets, &total) == COMMAND_OK;
    daemon_quiet(false);
    return done ? arena_dup(arena, octets) : (struct span){NULL, 0};
}

/* An unlinked file in $TMPDIR; -1 when there can be none. */
static int open_temporary(void) {
    char path[4096];
    const char *directory = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/mhs.XXXXXX", directory && *directory ? directory : "/tmp");
    int fd = mkstemp(path);
    if (fd >= 0)
        unlink(path);
    return fd;
}

static bool write_all(int fd, struct span octets) {
    while (octets.len > 0) {
        ssize_t written = write(fd, octets.data, octets.len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        octets = span_sub(octets, (size_t)written, octets.len);
    }
    return true;
}

static enum command_status fetch_all(struct entry *entry, int fd, uint64_t *total) {
    uint64_t offset = 0;
    do {
        struct span octets;
        enum command_status status =
            fetch_piece(entry->mailbox, entry->number, IPC_FETCH_CONTENT, offset, IPC_CHUNK, &octets, total);
        if (status != COMMAND_OK)
            return status;
        if (octets.len == 0 && offset < *total)
            return (enum command_status)command_fail(COMMAND_UNREACHABLE,
                                                     "the daemon sent no more of the content");
        if (!write_all(fd, octets))
            return (enum command_status)command_fail(
                COMMAND_FAILED,
                "the content can't be kept in a temporary file: %s; set TMPDIR to another place",
                strerror(errno));
        offset += octets.len;
        progress_at(offset);
    } while (offset < *total);
    return COMMAND_OK;
}

enum command_status entry_fetch(struct entry *entry) {
    int fd = open_temporary();
    uint64_t total = 0;
    if (fd < 0)
        return (enum command_status)command_fail(
            COMMAND_FAILED, "no temporary file can be made: %s; set TMPDIR to another place",
            strerror(errno));
    progress_begin("fetching", (uint64_t)out_integer(entry->summary, "size"));
    enum command_status status = fetch_all(entry, fd, &total);
    progress_end();
    if (status == COMMAND_OK && total > 0) {
        void *map = mmap(NULL, total, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map == MAP_FAILED)
            status = (enum command_status)command_fail(COMMAND_FAILED, "the content can't be mapped: %s",
                                                       strerror(errno));
        else
            entry->content = span_of(map, total);
    }
    close(fd);
    return status;
}

enum command_status entry_open_ipm(struct entry *entry, const struct x411_ORName *owner, const char *operand,
                                   struct arena *arena, struct ipm_content *content) {
    struct error err = {0};
    struct oraddress address;
    uint64_t number = entry_number(operand);
    if (!number)
        return COMMAND_USAGE;
    const char *mailbox =
        oraddress_of_name(owner, arena, &address) ? (const char *)oraddress_text(&address, arena).data : NULL;
    if (!mailbox)
        return (enum command_status)command_fail(COMMAND_FAILED, "no memory");
    enum command_status status = entry_open(entry, mailbox, number, arena);
    if (status == COMMAND_OK)
        status = entry_fetch(entry);
    if (status != COMMAND_OK)
        return status;
    if (!entry->message)
        return (enum command_status)command_fail(COMMAND_NO, "entry %s is a report", operand);
    if (!ipm_read(entry->content, arena, content, &err))
        return (enum command_status)command_fail(COMMAND_NO, "%s", err.text);
    if (!content->ipm)
        return (enum command_status)command_fail(COMMAND_NO, "entry %s is a notification", operand);
    return COMMAND_OK;
}

void entry_close(struct entry *entry) {
    if (entry->content.data)
        munmap((void *)(uintptr_t)entry->content.data, entry->content.len);
    json_decref(entry->summary);
    entry->content = (struct span){NULL, 0};
    entry->summary = NULL;
}
