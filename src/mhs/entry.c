#include "mhs/entry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "asn1/ber.h"
#include "mhs/daemon.h"
#include "mhs/progress.h"
#include "names/oraddress.h"

/* Most octets of a delivery envelope: twice what the MTA takes in of one (docs/local-protocol.md). */
#define ENVELOPE_MOST ((uint64_t)24 * 1024 * 1024)

uint64_t entry_number(const char *text) {
    char *end;
    errno = 0;
    unsigned long long number = text ? strtoull(text, &end, 10) : 0;
    if (text && *text >= '1' && *text <= '9' && !*end && !errno && number <= INT64_MAX)
        return number;
    command_fail(COMMAND_USAGE, "'%s' is not the number of an entry; 'mhs list' shows them",
                 text ? text : "");
    return 0;
}

bool entry_range(const char *text, uint64_t *first, uint64_t *last) {
    const char *dash = strchr(text, '-');
    char number[24];
    if (!dash || dash - text >= (ptrdiff_t)sizeof number)
        return (*first = *last = entry_number(text)) != 0;
    snprintf(number, sizeof number, "%.*s", (int)(dash - text), text);
    *first = entry_number(number);
    *last = *first ? entry_number(dash + 1) : 0;
    if (!*last || *first <= *last)
        return *last != 0;
    command_fail(COMMAND_USAGE, "'%s' is a range that goes down; write %s-%s", text, dash + 1, number);
    return false;
}

/* ---- envelope ---- */

/* Octets of known length that come in pieces. */
struct whole {
    uint8_t *octets;
    size_t length, room;
};

static bool take_piece(void *context, struct mhs_octets piece) {
    struct whole *whole = context;
    if (piece.length > whole->room - whole->length)
        return false;
    memcpy(whole->octets + whole->length, piece.data, piece.length);
    whole->length += piece.length;
    return true;
}

/* All of the envelope, into the arena: it is bounded, the daemon's word on its length is not taken for more
 * than that. */
static enum command_status fetch_envelope(struct entry *entry) {
    struct whole whole = {.room = (size_t)entry->envelope_size};
    struct mhs_fetch fetch = {entry->mailbox, entry->number, MHS_ENVELOPE, 0, 0};
    if (entry->envelope_size && entry->envelope_size <= ENVELOPE_MOST)
        whole.octets = arena_alloc(entry->arena, whole.room);
    if (!whole.octets)
        return (enum command_status)command_fail(COMMAND_UNREACHABLE,
                                                 "the daemon's answer has no envelope that fits");
    enum mhs_code code = mhs_fetch(daemon_session(), &fetch, take_piece, &whole, NULL);
    if (code == MHS_STOPPED || (code == MHS_OK && whole.length != whole.room))
        return (enum command_status)command_fail(COMMAND_UNREACHABLE,
                                                 "the daemon sent another envelope than it told of");
    entry->envelope = span_of(whole.octets, whole.length);
    return code == MHS_OK ? COMMAND_OK : daemon_failed(code);
}

static enum command_status read_envelope(struct entry *entry) {
    static const struct ber_limits lax = {.relax_bounds = true, .relax_characters = true};
    struct ber_error why = {0};
    bool report = entry->is_report;
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

static bool keep_head(void *context, const struct mhs_entry *head) {
    struct entry *entry = context;
    entry->is_report = head->kind == MHS_REPORT;
    entry->on_probe = head->on_probe;
    entry->arrival = head->arrival;
    entry->size = head->size;
    entry->envelope_size = head->envelope_size;
    entry->content_type = head->content_type ? arena_printf(entry->arena, "%s", head->content_type) : NULL;
    return true;
}

enum command_status entry_open(struct entry *entry, const char *mailbox, uint64_t number,
                               struct arena *arena) {
    *entry = (struct entry){.mailbox = mailbox, .number = number, .arena = arena};
    enum mhs_code code = mhs_show(daemon_session(), mailbox, number, keep_head, entry);
    return code == MHS_OK ? read_envelope(entry) : daemon_failed(code);
}

/* ---- content ---- */

struct span entry_peek(const char *mailbox, uint64_t number, enum mhs_part part, size_t length,
                       struct arena *arena) {
    struct whole whole = {arena_alloc(arena, length), 0, length};
    struct mhs_fetch fetch = {mailbox, number, part, 0, length};
    /* It may be deleted in the meantime. */
    bool done = whole.octets && mhs_fetch(daemon_session(), &fetch, take_piece, &whole, NULL) == MHS_OK;
    return done ? span_of(whole.octets, whole.length) : (struct span){NULL, 0};
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

struct file {
    int fd;
    uint64_t written;
    int why; /* errno of what failed */
};

static bool write_piece(void *context, struct mhs_octets piece) {
    struct file *file = context;
    if (!write_all(file->fd, span_of(piece.data, piece.length))) {
        file->why = errno;
        return false;
    }
    file->written += piece.length;
    progress_at(file->written);
    return true;
}

static enum command_status fetch_all(const struct mhs_fetch *fetch, uint64_t size, struct file *file) {
    progress_begin("fetching", size);
    enum mhs_code code = mhs_fetch(daemon_session(), fetch, write_piece, file, NULL);
    progress_end();
    if (code == MHS_STOPPED)
        return (enum command_status)command_fail(
            COMMAND_FAILED, "the content can't be kept in a temporary file: %s; set TMPDIR to another place",
            strerror(file->why));
    return code == MHS_OK ? COMMAND_OK : daemon_failed(code);
}

enum command_status content_fetch(const char *mailbox, uint64_t number, uint64_t size, struct span *content) {
    const struct mhs_fetch fetch = {.mailbox = mailbox, .entry = number, .part = MHS_CONTENT};
    struct file file = {.fd = open_temporary()};
    *content = (struct span){NULL, 0};
    if (file.fd < 0)
        return (enum command_status)command_fail(
            COMMAND_FAILED, "no temporary file can be made: %s; set TMPDIR to another place",
            strerror(errno));
    enum command_status status = fetch_all(&fetch, size, &file);
    if (status == COMMAND_OK && file.written > 0) {
        void *map = mmap(NULL, file.written, PROT_READ, MAP_PRIVATE, file.fd, 0);
        if (map == MAP_FAILED)
            status = (enum command_status)command_fail(COMMAND_FAILED, "the content can't be mapped: %s",
                                                       strerror(errno));
        else
            *content = span_of(map, file.written);
    }
    close(file.fd);
    return status;
}

void content_release(struct span content) {
    if (content.data)
        munmap((void *)(uintptr_t)content.data, content.len);
}

enum command_status entry_fetch(struct entry *entry) {
    return content_fetch(entry->mailbox, entry->number, entry->size, &entry->content);
}

enum command_status entry_open_own(struct entry *entry, const struct x411_ORName *owner, const char *operand,
                                   struct arena *arena) {
    struct oraddress address;
    uint64_t number = entry_number(operand);
    if (!number)
        return COMMAND_USAGE;
    const char *mailbox =
        oraddress_of_name(owner, arena, &address) ? (const char *)oraddress_text(&address, arena).data : NULL;
    if (!mailbox)
        return (enum command_status)command_fail(COMMAND_FAILED, "no memory");
    enum command_status status = entry_open(entry, mailbox, number, arena);
    return status == COMMAND_OK ? entry_fetch(entry) : status;
}

enum command_status entry_open_ipm(struct entry *entry, const struct x411_ORName *owner, const char *operand,
                                   struct arena *arena, struct ipm_content *content) {
    struct error err = {0};
    enum command_status status = entry_open_own(entry, owner, operand, arena);
    if (status != COMMAND_OK)
        return status;
    if (!entry->message)
        return (enum command_status)command_fail(
            COMMAND_NO, "entry %s is a report, which can't be answered; 'mhs read %s' shows it", operand,
            operand);
    if (!ipm_read(entry->content, arena, content, &err))
        return (enum command_status)command_fail(COMMAND_NO, "%s", err.text);
    if (!content->ipm)
        return (enum command_status)command_fail(
            COMMAND_NO, "entry %s is a notification, which can't be answered; 'mhs read %s' shows it",
            operand, operand);
    return COMMAND_OK;
}

void entry_close(struct entry *entry) {
    content_release(entry->content);
    entry->content = (struct span){NULL, 0};
}
