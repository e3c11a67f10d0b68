#include "mhs/draft.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "mhs/address.h"
#include "mhs/aliases.h"
#include "schema/x420.h"

/* A text is held in memory to convert it; a longer one is sent as a file. */
#define TEXT_MAX (16 * 1024 * 1024)

bool draft_init(struct draft *draft, struct arena *arena, size_t capacity) {
    *draft = (struct draft){.arena = arena, .capacity = capacity, .content_type = 22};
    draft->heading.importance = IPM_NORMAL;
    draft->parts = arena_array(arena, capacity, sizeof *draft->parts);
    draft->paths = arena_array(arena, capacity, sizeof *draft->paths);
    if (draft->parts && draft->paths)
        return true;
    command_fail(COMMAND_FAILED, "no memory");
    return false;
}

/* Twice the room, in the arena. */
static bool grow(struct draft *draft) {
    size_t room = draft->recipient_room ? 2 * draft->recipient_room : 16;
    struct draft_recipient *recipients = arena_array(draft->arena, room, sizeof *recipients);
    if (!recipients)
        return false;
    if (draft->recipient_count)
        memcpy(recipients, draft->recipients, draft->recipient_count * sizeof *recipients);
    draft->recipients = recipients;
    draft->recipient_room = room;
    return true;
}

struct draft_recipient *draft_add_recipient(struct draft *draft, enum draft_role role,
                                            const struct draft_recipient *like) {
    if (draft->recipient_count == draft->recipient_room && !grow(draft)) {
        command_fail(COMMAND_FAILED, "no memory for so many recipients");
        return NULL;
    }
    struct draft_recipient *recipient = &draft->recipients[draft->recipient_count++];
    *recipient = *like;
    recipient->role = role;
    return recipient;
}

struct adding {
    struct draft *draft;
    enum draft_role role;
    const struct draft_recipient *like;
};

static bool add_one(void *context, const char *one) {
    const struct adding *adding = context;
    struct address_user user;
    if (!address_read_user(one, adding->draft->arena, &user))
        return false;
    struct draft_recipient *recipient = draft_add_recipient(adding->draft, adding->role, adding->like);
    if (!recipient)
        return false;
    recipient->name = user.name;
    recipient->free_form_name = user.free_form_name;
    recipient->telephone_number = user.telephone_number;
    return true;
}

bool draft_add_recipients(struct draft *draft, enum draft_role role, const char *text,
                          const struct draft_recipient *like) {
    struct adding adding = {draft, role, like};
    return aliases_spread(text, add_one, &adding);
}

static struct ipm_new_part *next_part(struct draft *draft) {
    return draft->part_count < draft->capacity ? &draft->parts[draft->part_count++] : NULL;
}

/* When a file was made, where the file system knows. */
static int64_t created(const char *path) {
    struct statx more = {0};
    return statx(AT_FDCWD, path, 0, STATX_BTIME, &more) == 0 && more.stx_mask & STATX_BTIME
               ? more.stx_btime.tv_sec
               : 0;
}

bool draft_add_file(struct draft *draft, const char *path, enum ipm_part_type type, struct span application) {
    struct stat status;
    if (stat(path, &status) != 0 || access(path, R_OK) != 0) {
        command_fail(COMMAND_FAILED, "%s can't be read: %s", path, strerror(errno));
        return false;
    }
    if (!S_ISREG(status.st_mode)) {
        command_fail(COMMAND_FAILED,
                     "%s is no regular file; what comes by a pipe or device must be put into one first",
                     path);
        return false;
    }
    const char *slash = strrchr(path, '/');
    struct ipm_new_part *part = next_part(draft);
    if (!part)
        return false;
    *part = (struct ipm_new_part){.type = type,
                                  .elsewhere = true,
                                  .length = (uint64_t)status.st_size,
                                  .created = created(path),
                                  .modified = status.st_mtime,
                                  .application = application,
                                  .file_name =
                                      type == IPM_PART_FILE_TRANSFER ? (slash ? slash + 1 : path) : NULL};
    draft->paths[draft->part_count - 1] = path;
    return true;
}

bool draft_add_text(struct draft *draft, struct span utf8, int64_t registration) {
    if (!text_is_utf8(utf8)) {
        command_fail(COMMAND_FAILED, "the text is no UTF-8; send it as a file with --attach");
        return false;
    }
    struct ipm_new_part *part = next_part(draft);
    bool ia5 = registration == 0 && text_is_ascii(utf8);
    if (part)
        *part = (struct ipm_new_part){.type = ia5 ? IPM_PART_IA5_TEXT : IPM_PART_GENERAL_TEXT,
                                      .octets = utf8,
                                      .registration = registration};
    return part != NULL;
}

bool draft_read_text(struct draft *draft, const char *path, struct span *text) {
    bool standard_input = strcmp(path, "-") == 0;
    int fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    struct buf buf;
    buf_init(&buf, TEXT_MAX);
    if (standard_input && isatty(fd))
        fprintf(stderr, "Write the text; Ctrl-D on a line of its own ends it.\n");
    ssize_t got = fd < 0 ? -1 : 1;
    while (got > 0 && buf_reserve(&buf, 65536)) {
        got = read(fd, buf.data + buf.len, 65536);
        buf.len += got > 0 ? (size_t)got : 0;
    }
    int why = errno;
    if (fd >= 0 && !standard_input)
        close(fd);
    bool too_long = buf.failed;
    *text = got == 0 ? arena_dup(draft->arena, buf_span(&buf)) : (struct span){NULL, 0};
    buf_free(&buf);
    if (text->data)
        return true;
    if (too_long)
        command_fail(COMMAND_FAILED, "%s is too long for a text of a message; send it with --attach", path);
    else
        command_fail(COMMAND_FAILED, "%s can't be read: %s", path, strerror(why));
    return false;
}

/* The BER of one value of `type` from a file. */
static bool read_value(struct draft *draft, const char *path, const struct ber_type *type, void *value,
                       struct span *octets) {
    static const struct ber_limits lax = {.relax_bounds = true, .relax_characters = true};
    struct ber_error why = {0};
    if (!draft_read_text(draft, path, octets))
        return false;
    if (value && ber_decode(type, *octets, draft->arena, &lax, value, &why))
        return true;
    command_fail(COMMAND_FAILED, "%s holds no %s: %s%s%s", path, ber_type_name(type), why.path,
                 *why.path ? ": " : "", value ? why.text : "no memory");
    return false;
}

bool draft_add_part(struct draft *draft, const char *path) {
    struct x420_BodyPart *value = arena_alloc(draft->arena, sizeof *value);
    struct span octets;
    return read_value(draft, path, &x420_BodyPart_type, value, &octets) && draft_add_element(draft, octets);
}

bool draft_add_element(struct draft *draft, struct span element) {
    struct ipm_new_part *part = next_part(draft);
    if (part)
        *part = (struct ipm_new_part){.element = element};
    return part != NULL;
}

bool draft_read_file(struct draft *draft, const char *path, struct span *octets) {
    if (strcmp(path, "-") != 0)
        return draft_read_text(draft, path, octets);
    command_fail(COMMAND_USAGE, "a body part is made of a file, not of standard input");
    return false;
}

bool draft_add_extension(struct draft *draft, const char *path) {
    struct x420_IPMSExtension *value = arena_alloc(draft->arena, sizeof *value);
    struct ipm_extensions *list = &draft->heading.extensions;
    struct span octets;
    if (!list->items)
        list->items = arena_array(draft->arena, draft->capacity, sizeof *list->items);
    if (!list->items || !read_value(draft, path, &x420_IPMSExtension_type, value, &octets))
        return false;
    list->items[list->count++] = (struct ipm_extension){value->type, value->value};
    return true;
}
