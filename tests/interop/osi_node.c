/* One OSI association of the product behind a socket, for the independent peer to play against.
 *
 * osi-node answer CHECKPOINT-KIB        listens, prints its port; accepts each association in turn and writes
 * what happens as lines; keeps the checkpoints of a broken transfer for its resume osi-node send MODE PORT
 * FILE          transfers the file as one APDU; MODE is normal, x410 or 1984 */
#include "socket_loop.h"

enum { KEPT = 64 };

struct node {
    struct socket_loop loop;
    struct osi_parameters parameters;
    /* receiving: the APDU so far, and the checkpoints of it that were confirmed */
    uint8_t *apdu;
    size_t length, size;
    struct osi_checkpoint kept[KEPT];
    size_t kept_count;
    bool complete;
    /* sending */
    struct span file;
    size_t sent;
};

static void say(const char *format, size_t number) {
    printf(format, number);
    fflush(stdout);
}

static void take_data(struct node *node, struct span data) {
    if (node->length + data.len > node->size) {
        node->size = (node->length + data.len) * 2;
        node->apdu = realloc(node->apdu, node->size);
    }
    memcpy(node->apdu + node->length, data.data, data.len);
    node->length += data.len;
}

static void take_begin(struct node *node, const struct osi_begin *begin) {
    if (!begin->resumed) {
        node->length = node->kept_count = 0;
        node->complete = false;
        return;
    }
    say("resume %zu\n", begin->serial);
    if (node->complete) {
        osi_rt_resume_swallow(node->loop.association, clock_monotonic_us());
        return;
    }
    for (size_t i = 0; i < node->kept_count; i++) {
        if (node->kept[i].serial != begin->serial)
            continue;
        node->length = node->kept[i].offset;
        node->kept_count = i + 1;
        osi_rt_resume_accept(node->loop.association, &node->kept[i], clock_monotonic_us());
        return;
    }
    osi_rt_resume_unknown(node->loop.association);
}

static void take_checkpoint(struct node *node, const struct osi_checkpoint *checkpoint) {
    if (node->kept_count < KEPT)
        node->kept[node->kept_count++] = *checkpoint;
    osi_rt_checkpoint_confirm(node->loop.association, checkpoint->serial, clock_monotonic_us());
}

static unsigned long sum(const struct node *node) {
    unsigned long value = 5381;
    for (size_t i = 0; i < node->length; i++)
        value = (value * 33 + node->apdu[i]) & 0xffffffff;
    return value;
}

static void take_end(struct node *node) {
    printf("apdu %zu %lu\n", node->length, sum(node));
    fflush(stdout);
    node->complete = true;
    osi_rt_transfer_confirm(node->loop.association, clock_monotonic_us());
    if (osi_association_open(node->loop.association)->dialogue == OSI_TWO_WAY_ALTERNATE)
        osi_rt_turn_please(node->loop.association, 1, clock_monotonic_us());
}

static void send_more(struct node *node) {
    struct span rest = span_sub(node->file, node->sent, node->file.len - node->sent);
    node->sent += osi_rt_transfer_data(node->loop.association, rest, true, clock_monotonic_us());
}

static void begin_to_send(struct node *node) {
    struct osi_activity activity;
    osi_rt_transfer_begin(node->loop.association, &activity, clock_monotonic_us());
    node->sent = 0;
    send_more(node);
}

/* The initiator closes; a responder that had the turn gives it back. */
static void after_sending(struct node *node) {
    if (node->parameters.role == OSI_INITIATOR)
        osi_association_release(node->loop.association, (struct span){0}, clock_monotonic_us());
    else
        osi_rt_turn_give(node->loop.association, clock_monotonic_us());
}

static void open_indication(struct node *node, const struct osi_open *open) {
    /* [17] bind-result around NULL in normal mode; NULL alone in X.410 mode */
    static const uint8_t result[] = {0xB1, 0x02, 0x05, 0x00};
    bool normal = open->context == OSI_MTS_TRANSFER;
    struct span data = open->recover ? (struct span){0}
                       : normal      ? (struct span){result, 4}
                                     : (struct span){result + 2, 2};
    say(open->recover ? "recover %zu\n" : "open %zu\n", open->checkpoint_size);
    osi_association_accept(node->loop.association, data, clock_monotonic_us());
}

static void handle(void *owner, const struct osi_event *event) {
    struct node *node = owner;
    switch (event->type) {
    case OSI_EVENT_OPEN_INDICATION:
        open_indication(node, &event->u.open);
        break;
    case OSI_EVENT_OPEN_CONFIRM:
        begin_to_send(node);
        break;
    case OSI_EVENT_TURN_GIVE: /* what came goes back */
        node->file = span_of(node->apdu, node->length);
        begin_to_send(node);
        break;
    case OSI_EVENT_TRANSFER_BEGIN:
        take_begin(node, &event->u.begin);
        break;
    case OSI_EVENT_TRANSFER_DATA:
        take_data(node, event->u.data);
        break;
    case OSI_EVENT_CHECKPOINT:
        take_checkpoint(node, &event->u.checkpoint);
        break;
    case OSI_EVENT_TRANSFER_END:
        take_end(node);
        break;
    case OSI_EVENT_MAY_SEND:
    case OSI_EVENT_CHECKPOINT_CONFIRMED:
        if (node->sent < node->file.len)
            send_more(node);
        break;
    case OSI_EVENT_TRANSFER_CONFIRMED:
        say("confirmed %zu\n", node->sent);
        after_sending(node);
        break;
    case OSI_EVENT_TRANSFER_REFUSED:
        say("refused %zu\n", (size_t)event->u.refused.what);
        after_sending(node);
        break;
    case OSI_EVENT_CLOSED:
        printf("closed %d %s\n", event->u.cause->end, event->u.cause->text);
        fflush(stdout);
        break;
    default:
        break;
    }
}

static void associate(struct node *node) {
    node->loop.handle = handle;
    node->loop.owner = node;
    loop_run(&node->loop, &node->parameters);
}

static int answer(struct node *node, unsigned checkpoint) {
    int listener = loop_listen();
    if (listener < 0)
        return 1;
    node->parameters = (struct osi_parameters){.role = OSI_RESPONDER,
                                               .contexts = OSI_MTS_TRANSFER | OSI_MTS_TRANSFER_PROTOCOL |
                                                           OSI_MTS_TRANSFER_PROTOCOL_1984,
                                               .checkpoint_size = checkpoint};
    while ((node->loop.fd = accept(listener, NULL, NULL)) >= 0)
        associate(node);
    return 0;
}

static int transfer(struct node *node, const char *mode, int port, const char *path) {
    static const uint8_t bind_argument[] = {0xB0, 0x02, 0x05, 0x00};
    static const char *const modes[] = {"normal", "x410", "1984"};
    unsigned context = 0;
    while (context < 3 && strcmp(mode, modes[context]) != 0)
        context++;
    uint8_t *octets = malloc(64 << 20);
    FILE *file = fopen(path, "rb");
    node->file = (struct span){octets, file ? fread(octets, 1, 64 << 20, file) : 0};
    node->loop.fd = loop_dial(port);
    if (!file || node->loop.fd < 0)
        return 1;
    fclose(file);
    node->parameters = (struct osi_parameters){
        .role = OSI_INITIATOR,
        .contexts = 1u << context,
        .user_data = context ? (struct span){bind_argument + 2, 2} : (struct span){bind_argument, 4},
        .id = {.calling = SPAN_LIT("osi-node"), .common = SPAN_LIT("261122120000Z")}};
    associate(node);
    free(octets);
    return 0;
}

int main(int argc, char **argv) {
    static struct node node;
    if (argc == 3 && !strcmp(argv[1], "answer"))
        return answer(&node, (unsigned)atoi(argv[2]));
    if (argc == 5 && !strcmp(argv[1], "send"))
        return transfer(&node, argv[2], atoi(argv[3]), argv[4]);
    fputs("usage: osi-node answer CHECKPOINT | send MODE PORT FILE\n", stderr);
    return 2;
}
