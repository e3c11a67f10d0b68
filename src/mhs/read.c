/* `mhs read` and `mhs save`: an entry of a mailbox, for a person and into files. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "mhs/address.h"
#include "mhs/commands.h"
#include "mhs/daemon.h"
#include "mhs/entry.h"
#include "mhs/fax.h"
#include "mhs/output.h"
#include "mhs/save_file.h"
#include "mhs/view.h"

#define ARENA_MAX (256 * 1024 * 1024)
#define NAME_MOST 255

static void mark_seen(const struct entry *entry) {
    enum mhs_code code = mhs_mark(daemon_session(), entry->mailbox, entry->number, true);
    if (code != MHS_OK)
        daemon_failed(code);
}

static enum command_status show(struct entry *entry, const char *user) {
    json_t *view = view_entry(entry);
    if (!view)
        return (enum command_status)command_fail(COMMAND_FAILED, "no memory");
    if (command_settings.json)
        out_json(view);
    else
        view_print(view, user);
    json_decref(view);
    return COMMAND_OK;
}

int cmd_read(int argc, char **argv) {
    static const struct command_option options[] = {
        {'u', "user", "ADDRESS", "whose mailbox (default: CHASQUI_USER or the alias 'me')"},
        {'k', "keep-new", NULL, "do not mark it as read"},
        {0}};
    static const struct command_usage usage = {"read", "ENTRY", "Shows a message or report of a mailbox.",
                                               "Files in it are only named; 'mhs save' gets them.", options};
    struct command_line line;
    const char *value, *user = NULL;
    bool keep = false;
    int id;
    command_line_init(&line, &usage, argc, argv);
    while ((id = command_line_next(&line, &value)) > 0) {
        user = id == 'u' ? value : user;
        keep |= id == 'k';
    }
    if (id == COMMAND_LINE_STOP)
        return line.status;
    const char *operand = command_line_operand(&line);
    if (!operand || command_line_operand(&line))
        return command_usage_error(&usage, "give one ENTRY; 'mhs list' shows them");
    struct arena arena;
    struct entry entry = {0};
    arena_init(&arena, ARENA_MAX);
    const char *mailbox = address_mailbox(user, &arena);
    uint64_t number = mailbox ? entry_number(operand) : 0;
    int status = number ? (int)entry_open(&entry, mailbox, number, &arena) : COMMAND_USAGE;
    if (status == COMMAND_OK)
        status = entry_fetch(&entry);
    if (status == COMMAND_OK)
        status = show(&entry, user);
    if (status == COMMAND_OK && !keep)
        mark_seen(&entry);
    entry_close(&entry);
    arena_free(&arena);
    return status;
}

/* ---- save ---- */

/* What the octets of a part without a file name are, for the end of one. */
static const char *suffix(const struct ipm_part *part) {
    switch (part->type) {
    case IPM_PART_IA5_TEXT:
    case IPM_PART_GENERAL_TEXT:
    case IPM_PART_TELETEX:
        return "txt";
    case IPM_PART_G3_FACSIMILE:
        return "tif";
    case IPM_PART_MESSAGE:
    case IPM_PART_NOTIFICATION:
    case IPM_PART_REPORT:
    case IPM_PART_G4_CLASS_1:
    case IPM_PART_MIXED_MODE:
    case IPM_PART_NATIONALLY_DEFINED:
    case IPM_PART_OTHER:
        return "ber";
    default:
        return "bin";
    }
}

/* A file name from the message, made safe: its last component only, nothing hidden, nothing that controls a
 * terminal or the order of what it shows, no name that is an option or standard output, no longer than file
 * systems take. */
static const char *safe_name(const struct ipm_part *part, size_t number, struct arena *arena) {
    const char *name = part->file_name ? part->file_name : "";
    const char *slash = strrchr(name, '/'), *backslash = strrchr(name, '\\');
    name = slash ? slash + 1 : name;
    name = backslash && backslash >= name ? backslash + 1 : name;
    name += strspn(name, ".-");
    char *copy =
        *name ? arena_printf(arena, "%s", name) : arena_printf(arena, "part-%zu.%s", number, suffix(part));
    for (char *c = copy; c && *c;) {
        size_t odd = text_control(span_str(c));
        memset(c, '_', odd);
        c += odd ? odd : 1;
    }
    size_t end = copy && strlen(copy) > NAME_MOST ? NAME_MOST : 0;
    while (end && (copy[end] & 0xC0) == 0x80) /* no character is cut */
        end--;
    if (end)
        copy[end] = 0;
    return copy;
}

struct save {
    const char *user, *content_path, *entry, *part, *path;
    bool force, utf8, raw;
};

/* `2.1` is the first part of the message that the second one is. NULL when there is none; said. */
static const struct ipm_part *find_part(const struct save *save, struct ipm *ipm, struct arena *arena) {
    const struct ipm_part *part = NULL;
    for (const char *at = save->part; at;) {
        char *end;
        size_t number = strtoul(at, &end, 10);
        if ((*end && *end != '.') || number == 0 || number > ipm->part_count) {
            command_fail(COMMAND_NO, "there is no part %s: %s has %zu; 'mhs read %s' shows them", save->part,
                         part ? "the forwarded message" : "the message", ipm->part_count, save->entry);
            return NULL;
        }
        part = &ipm->parts[number - 1];
        at = *end ? end + 1 : NULL;
        struct ipm *inner = at ? arena_alloc(arena, sizeof *inner) : NULL;
        if (at && (!inner || !ipm_read_forwarded(part, arena, inner, NULL))) {
            command_fail(COMMAND_NO, "part %.*s is no forwarded message: there is no part %s",
                         (int)(end - save->part), save->part, save->part);
            return NULL;
        }
        ipm = inner;
    }
    return part;
}

/* What is written of a part that is not written as its octets: a text in UTF-8, a facsimile as TIFF. The
 * absent span: nothing. False when it was asked for and can't be; said. */
static bool other_form(const struct save *save, const struct ipm_part *part, struct arena *arena,
                       struct span *octets) {
    struct ipm_facsimile pages;
    *octets = save->utf8 ? ipm_part_text(part, arena) : (struct span){NULL, 0};
    if (save->utf8 && !octets->data)
        command_fail(COMMAND_NO, "part %s is not a text; without --text it is saved as it is", save->part);
    if (save->utf8 || save->raw || part->type != IPM_PART_G3_FACSIMILE)
        return !save->utf8 || octets->data;
    struct buf tiff;
    buf_init(&tiff, 0);
    struct fax fax = {0};
    bool done = ipm_part_facsimile(part, arena, &pages);
    fax = (struct fax){(struct fax_page *)arena_array(arena, pages.count + 1, sizeof(struct fax_page)), 0,
                       pages.two_dimensional, pages.fine};
    for (; done && fax.pages && fax.count < pages.count; fax.count++)
        fax.pages[fax.count].octets = pages.pages[fax.count];
    if (done && fax.pages && fax_to_tiff(&fax, &tiff))
        *octets = arena_dup(arena, buf_span(&tiff));
    buf_free(&tiff);
    if (!octets->data)
        command_fail(COMMAND_FAILED, "the facsimile can't be written as TIFF; --raw saves its octets");
    return octets->data != NULL;
}

static enum command_status save_part(struct entry *entry, const struct save *save) {
    struct ipm_content content;
    struct error err = {0};
    if (!ipm_read(entry->content, entry->arena, &content, &err))
        return (enum command_status)command_fail(COMMAND_NO, "%s; --content keeps all of it as it is",
                                                 err.text);
    if (!content.ipm)
        return (enum command_status)command_fail(
            COMMAND_NO, "the entry is a notification: it has no parts; 'mhs read %s' shows it", save->entry);
    const struct ipm_part *part = find_part(save, content.ipm, entry->arena);
    struct span other;
    if (!part || !other_form(save, part, entry->arena, &other))
        return COMMAND_NO;
    const char *path = save->path ? save->path : safe_name(part, strtoul(save->part, NULL, 10), entry->arena);
    return path ? save_file(path, save->force, part, other)
                : (enum command_status)command_fail(COMMAND_FAILED, "no memory");
}

static enum command_status save_entry(const struct save *save, struct arena *arena) {
    struct entry entry = {0};
    const char *mailbox = address_mailbox(save->user, arena);
    uint64_t number = mailbox ? entry_number(save->entry) : 0;
    enum command_status status = number ? entry_open(&entry, mailbox, number, arena) : COMMAND_USAGE;
    if (status == COMMAND_OK)
        status = entry_fetch(&entry);
    if (status == COMMAND_OK && !entry.content.data && (entry.report || !save->content_path))
        status = (enum command_status)command_fail(
            COMMAND_NO, "the entry has no content; 'mhs read %s' shows what it has", save->entry);
    else if (status == COMMAND_OK && save->content_path) /* of no octets, perhaps */
        status = save_file(save->content_path, save->force, NULL,
                           entry.content.data ? entry.content : SPAN_LIT(""));
    else if (status == COMMAND_OK)
        status = save_part(&entry, save);
    entry_close(&entry);
    return status;
}

int cmd_save(int argc, char **argv) {
    static const struct command_option options[] = {
        {'u', "user", "ADDRESS", "whose mailbox (default: CHASQUI_USER or the alias 'me')"},
        {'f', "force", NULL, "overwrite a file that is there"},
        {'c', "content", "FILE", "save the whole content as it is (BER)"},
        {'t', "text", NULL, "save a text as UTF-8, whatever its own character set is"},
        {'r', "raw", NULL, "save a facsimile's octets, not a TIFF file"},
        {0}};
    static const struct command_usage usage = {
        "save", "ENTRY PART [FILE]", "Saves a body part of a message into a file.",
        "PART is the number that 'mhs read' shows, 2.1 the first part in a forwarded message. Without FILE "
        "the part's own name is used, in the\n"
        "current folder; '-' is standard output. The part is never held in memory.",
        options};
    struct command_line line;
    struct save save = {0};
    const char *value;
    int id;
    command_line_init(&line, &usage, argc, argv);
    while ((id = command_line_next(&line, &value)) > 0) {
        if (id == 'f')
            save.force = true;
        else if (id == 't')
            save.utf8 = true;
        else if (id == 'r')
            save.raw = true;
        else
            *(id == 'u' ? &save.user : &save.content_path) = value;
    }
    if (id == COMMAND_LINE_STOP)
        return line.status;
    save.entry = command_line_operand(&line);
    save.part = command_line_operand(&line);
    save.path = command_line_operand(&line);
    if (!save.entry || (save.part != NULL) == (save.content_path != NULL) || command_line_operand(&line))
        return command_usage_error(&usage, "give ENTRY and PART, or ENTRY and --content FILE");
    struct arena arena;
    arena_init(&arena, ARENA_MAX);
    int status = save_entry(&save, &arena);
    arena_free(&arena);
    return status;
}
