/*
 * What a program does with libmhs(3): submits a message, lists a mailbox, shows
 * an entry and deletes it.
 *
 *     cc -o mailbox mailbox.c $(pkg-config --cflags --libs libmhs)
 *     ./mailbox submit '/C=XX/A= /P=LOCAL/S=Ada/' '/C=XX/A= /P=LOCAL/S=postmaster/' Hello 'It runs.'
 *     ./mailbox list '/C=XX/A= /P=LOCAL/S=postmaster/'
 *     ./mailbox fetch '/C=XX/A= /P=LOCAL/S=postmaster/' 1
 *     ./mailbox delete '/C=XX/A= /P=LOCAL/S=postmaster/' 1
 *
 * The exit status is 0, or 1 when the MTA refused, 2 for a wrong command line.
 */
#include <chasqui/mhs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed(const struct mhs_session *session, enum mhs_code code) {
    const char *recipient;
    fprintf(stderr, "mailbox: %s (%s, error %d)\n", mhs_error_text(session), mhs_error_name(session),
            (int)code);
    for (size_t i = 0; (recipient = mhs_error_recipient(session, i)) != NULL; i++)
        fprintf(stderr, "mailbox:   recipient %s\n", recipient);
    return 1;
}

static int submit(struct mhs_session *session, char **argv) {
    const struct mhs_recipient recipient = {.name = {.text = argv[1]}, .report = MHS_REPORT_DELIVERY};
    const struct mhs_submission submission = {
        .originator = {.text = argv[0]}, .recipients = &recipient, .recipient_count = 1};
    struct mhs_submitted submitted;
    struct mhs_octets content;
    enum mhs_code code = mhs_text_make(session, &submission, argv[2], argv[3], &content);
    if (code == MHS_OK)
        code = mhs_submit(session, &submission, content, &submitted);
    if (code != MHS_OK)
        return failed(session, code);
    printf("%s\n", submitted.identifier);
    return 0;
}

static bool print_entry(void *context, const struct mhs_entry *entry) {
    static const char *const kinds[] = {"", "message", "report", "damaged"};
    (void)context;
    printf("%llu %s %s %llu octets%s\n", (unsigned long long)entry->number, kinds[entry->kind],
           entry->originator ? entry->originator : "-", (unsigned long long)entry->size,
           entry->seen ? "" : ", new");
    return true;
}

static int list(struct mhs_session *session, char **argv) {
    const struct mhs_list wanted = {.mailbox = argv[0]};
    enum mhs_code code = mhs_list(session, &wanted, print_entry, NULL, NULL);
    return code == MHS_OK ? 0 : failed(session, code);
}

/* A content in memory. A program that keeps it elsewhere writes each piece where it belongs. */
struct content {
    char *octets;
    size_t length;
};

static bool keep_piece(void *context, struct mhs_octets piece) {
    struct content *content = context;
    char *longer = realloc(content->octets, content->length + piece.length);
    if (!longer)
        return false;
    memcpy(longer + content->length, piece.data, piece.length);
    content->octets = longer;
    content->length += piece.length;
    return true;
}

static int fetch(struct mhs_session *session, char **argv) {
    const struct mhs_fetch wanted = {.mailbox = argv[0], .entry = strtoull(argv[1], NULL, 10)};
    struct content content = {NULL, 0};
    const char *subject, *text;
    enum mhs_code code = mhs_fetch(session, &wanted, keep_piece, &content, NULL);
    if (code == MHS_OK)
        code = mhs_text_read(session, (struct mhs_octets){content.octets, content.length}, &subject, &text);
    if (code == MHS_OK)
        code = mhs_mark(session, wanted.mailbox, wanted.entry, true);
    if (code == MHS_OK)
        printf("Subject: %s\n\n%s\n", subject ? subject : "(none)", text ? text : "(no text)");
    free(content.octets);
    return code == MHS_OK ? 0 : failed(session, code);
}

static int delete_entry(struct mhs_session *session, char **argv) {
    enum mhs_code code = mhs_delete(session, argv[0], strtoull(argv[1], NULL, 10));
    return code == MHS_OK ? 0 : failed(session, code);
}

static const struct {
    const char *name;
    int operands;
    int (*run)(struct mhs_session *session, char **argv);
} commands[] = {
    {"submit", 4, submit},
    {"list", 1, list},
    {"fetch", 2, fetch},
    {"delete", 2, delete_entry},
};

int main(int argc, char **argv) {
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (argc < 2 || strcmp(argv[1], commands[i].name) != 0 || argc - 2 != commands[i].operands)
            continue;
        struct mhs_session *session;
        enum mhs_code code = mhs_open(NULL, &session);
        int status = code == MHS_OK ? commands[i].run(session, argv + 2) : 1;
        mhs_close(session);
        return status;
    }
    fprintf(stderr, "usage: mailbox submit FROM TO SUBJECT TEXT | list MAILBOX | fetch MAILBOX ENTRY | "
                    "delete MAILBOX ENTRY\n");
    return 2;
}
