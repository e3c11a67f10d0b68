/*
 * Remote operations of the product behind a socket, for the independent peer to play against.
 *
 * operations-node perform               listens, prints its port; accepts one association after the other of
 * any access context and performs what is invoked, which it prints operations-node call CONTEXT PORT N
 * invokes operation 3 with an OCTET STRING of N octets, unbinds after the result
 *
 * Operation 3 results in a sum of its argument (as the identifier of a submission), 4 in error 7, 5 in an
 * OCTET STRING of 300,000 octets; 6 invokes 7 as linked with itself before its result.
 */
#include "socket_loop.h"

/* bind-result of P3: responder-name mTA-name N, responder-credentials simple "pwd" */
#define BIND_RESULT "\xB1\x0C\x31\x0A\x80\x01N\xA2\x05\x16\x03pwd"

enum { SUM = 3, FAIL = 4, LARGE = 5, CALLS_BACK = 6, CALLED_BACK = 7, LARGE_OCTETS = 300000 };

static const int64_t errors[] = {7}, children[] = {CALLED_BACK};
#define OPERATIONS(syntax)                                                                                   \
    {syntax, SUM, 2, OSI_RO_BY_BOTH, errors, 1, NULL, 0},                                                    \
        {syntax, FAIL, 2, OSI_RO_BY_BOTH, errors, 1, NULL, 0},                                               \
        {syntax, LARGE, 2, OSI_RO_BY_BOTH, errors, 1, NULL, 0},                                              \
        {syntax, CALLS_BACK, 2, OSI_RO_BY_INITIATOR, errors, 1, children, 1}, {                              \
        syntax, CALLED_BACK, 2, OSI_RO_BY_RESPONDER, errors, 1, NULL, 0                                      \
    }
static const struct osi_operation table[] = {OPERATIONS(OSI_SYNTAX_MSSE), OPERATIONS(OSI_SYNTAX_MS_MSSE)};

struct node {
    struct socket_loop loop;
    struct osi_parameters parameters;
    uint32_t sum; /* of the parameter that comes */
    size_t came;
    size_t left;           /* octets of ours that are still to go */
    struct osi_ro waiting; /* a large result that could not begin yet */
    size_t call;           /* octets of the argument of our call */
    enum osi_syntax syntax;
    bool releasing;
};

static int64_t now(void) {
    return clock_monotonic_us();
}

static void say(const char *what, const struct osi_ro *ro, const struct node *node) {
    printf("%s kind %d id %lld code %lld linked %lld problem %d %lld octets %zu sum %u\n", what,
           (int)ro->kind, ro->has_id ? (long long)ro->id : -1, (long long)ro->code,
           ro->has_linked ? (long long)ro->linked_id : -1, (int)ro->problem_kind, (long long)ro->problem,
           node->came, node->sum);
    fflush(stdout);
}

/* ---- what goes out ---- */

static void go_on(struct node *node) {
    static const uint8_t octets[32768];
    while (node->left > 0) {
        size_t len = node->left < sizeof octets ? node->left : sizeof octets;
        size_t taken = osi_ro_data(node->loop.association, span_of(octets, len), len == node->left, now());
        node->left -= taken;
        if (taken < len)
            break;
    }
}

/* An OCTET STRING of `size` zeros as the parameter. */
static bool stream(struct node *node, struct osi_ro *ro, size_t size) {
    uint8_t header[6] = {0x04, 0x84};
    for (int i = 0; i < 4; i++)
        header[2 + i] = (uint8_t)(size >> 8 * (3 - i));
    ro->has_parameter = true;
    if (!osi_ro_begin(node->loop.association, ro, now()))
        return false;
    osi_ro_data(node->loop.association, span_of(header, sizeof header), size == 0, now());
    node->left = size;
    go_on(node);
    return true;
}

static void release(struct node *node) {
    node->releasing = true;
    if (!osi_association_release(node->loop.association, (struct span){0}, now()))
        osi_rt_turn_please(node->loop.association, 0, now());
}

static void may_send(struct node *node) {
    if (node->left > 0) {
        go_on(node);
    } else if (node->waiting.kind && stream(node, &node->waiting, LARGE_OCTETS)) {
        node->waiting.kind = 0;
    } else if (node->call) {
        struct osi_ro ro = {.kind = OSI_RO_INVOKE, .syntax = node->syntax, .has_code = true, .code = SUM};
        if (stream(node, &ro, node->call))
            node->call = 0;
    }
}

/* ---- what comes in ---- */

/* A MessageSubmissionResult (X.411 §12.2), whose local-identifier is the sum in 10 digits: any decoder can
 * read it. */
static void send_sum(struct node *node, struct osi_ro *ro) {
    char result[64] = "\x31\x2D\x64\x1C\x63\x0E\x61\x04\x13\x02GB\x62\x06\x13\x04GOLD\x16\x0A";
    size_t at = strlen(result);
    snprintf(result + at, sizeof result - at, "%010u\x80\x0D%s", node->sum, "261122061500Z");
    osi_ro_send(node->loop.association, ro, span_str(result), now());
}

static void perform(struct node *node, const struct osi_ro *invoke) {
    struct osi_association *a = node->loop.association;
    struct osi_ro ro = {.kind = OSI_RO_RESULT, .id = invoke->id, .has_code = true, .code = invoke->code};
    struct osi_ro child = {.kind = OSI_RO_INVOKE,
                           .syntax = invoke->syntax,
                           .has_linked = true,
                           .linked_id = invoke->id,
                           .has_code = true,
                           .code = CALLED_BACK};
    switch (invoke->code) {
    case FAIL:
        ro.kind = OSI_RO_ERROR;
        ro.code = 7;
        osi_ro_send(a, &ro, SPAN_LIT("\x05\x00"), now());
        break;
    case LARGE:
        if (!stream(node, &ro, LARGE_OCTETS))
            node->waiting = ro;
        break;
    case CALLS_BACK:
        osi_ro_send(a, &child, (struct span){0}, now());
        osi_ro_send(a, &ro, SPAN_LIT("\x05\x00"), now());
        break;
    default:
        send_sum(node, &ro);
        break;
    }
}

static void whole(struct node *node, const struct osi_ro *ro) {
    say("whole", ro, node);
    if (ro->kind == OSI_RO_INVOKE)
        perform(node, ro);
    else if (node->parameters.role == OSI_INITIATOR)
        release(node);
}

static void handle(void *owner, const struct osi_event *event) {
    struct node *node = owner;
    switch (event->type) {
    case OSI_EVENT_OPEN_INDICATION:
        printf("open %s\n", osi_context_row(event->u.open.context)->name);
        fflush(stdout);
        osi_association_accept(node->loop.association, SPAN_LIT(BIND_RESULT), now());
        break;
    case OSI_EVENT_OPEN_CONFIRM:
    case OSI_EVENT_MAY_SEND:
        may_send(node);
        break;
    case OSI_EVENT_TURN_GIVE:
        if (node->releasing)
            release(node);
        break;
    case OSI_EVENT_RO_BEGIN:
        node->came = node->sum = 0;
        break;
    case OSI_EVENT_RO_DATA:
        node->came += event->u.data.len;
        for (size_t i = 0; i < event->u.data.len; i++)
            node->sum = node->sum * 33 + event->u.data.data[i];
        break;
    case OSI_EVENT_RO_END:
        whole(node, &event->u.ro);
        break;
    case OSI_EVENT_RO_DROPPED:
        say("dropped", &event->u.ro, node);
        break;
    case OSI_EVENT_RO_RETURNED:
        say("returned", &event->u.ro, node);
        break;
    case OSI_EVENT_CLOSED:
        printf("closed %d %s\n", event->u.cause->end, event->u.cause->text);
        fflush(stdout);
        break;
    default:
        break;
    }
}

static void associate(struct node *node, int fd) {
    node->parameters.operations = table;
    node->parameters.operation_count = sizeof table / sizeof *table;
    node->loop = (struct socket_loop){.fd = fd, .handle = handle, .owner = node};
    loop_run(&node->loop, &node->parameters);
}

static int listen_and_perform(void) {
    int listener = loop_listen(), fd;
    while (listener >= 0 && (fd = accept(listener, NULL, NULL)) >= 0) {
        struct node node = {
            .parameters = {.role = OSI_RESPONDER, .contexts = OSI_ALL_CONTEXTS & ~OSI_ALL_TRANSFER}};
        associate(&node, fd);
    }
    return 1;
}

static int call(const char *context, int port, size_t size) {
    const struct osi_context_row *row = osi_context_by_name(context);
    int fd = loop_dial(port);
    if (!row || fd < 0)
        return 1;
    struct node node = {
        .call = size,
        .syntax = row->syntaxes[0],
        .parameters = {.role = OSI_INITIATOR,
                       .contexts = row->context,
                       .user_data = SPAN_LIT("\xB0\x02\x31\x00"),
                       .id = {.calling = SPAN_LIT("ua"), .common = SPAN_LIT("261122120000Z")}}};
    associate(&node, fd);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 2 && !strcmp(argv[1], "perform"))
        return listen_and_perform();
    if (argc == 5 && !strcmp(argv[1], "call"))
        return call(argv[2], atoi(argv[3]), (size_t)atol(argv[4]));
    fputs("usage: operations-node perform | call CONTEXT PORT OCTETS\n", stderr);
    return 2;
}
