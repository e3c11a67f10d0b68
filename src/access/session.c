/* Sessions. */
#include <stdlib.h>

#include "access/access_private.h"
#include "asn1/ber.h"
#include "base/alloc.h"
#include "base/clock.h"

#define TIMEOUT_MS   (120 * 1000)
#define ENVELOPE_MAX ((size_t)64 * 1024 * 1024)
#define TEXT_MAX     ((size_t)256 * 1024 * 1024)

/* The first is the one for a `where` without a scheme. */
static const struct access_backend *const backends[] = {&access_local};

static const struct access_backend *backend_of(const char **where) {
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++) {
        size_t length = strlen(backends[i]->scheme);
        if (strncmp(*where, backends[i]->scheme, length) == 0 && (*where)[length] == ':') {
            *where += length + 1;
            return backends[i];
        }
    }
    return backends[0];
}

static const char *usual_place(void) {
    const char *socket = getenv("CHASQUI_SOCKET");
    return socket && *socket ? socket : MHS_DEFAULT_SOCKET;
}

enum mhs_code mhs_open(const char *where, struct mhs_session **session) {
    struct mhs_session *made = *session = mem_alloc(sizeof *made);
    if (!made)
        return MHS_NO_MEMORY;
    made->timeout_ms = TIMEOUT_MS;
    buf_init(&made->error.recipients, 0);
    buf_init(&made->error.complaints, 0);
    arena_init(&made->envelope, ENVELOPE_MAX);
    arena_init(&made->made, TEXT_MAX);
    arena_init(&made->read, TEXT_MAX);
    access_lock();
    ber_utctime_set_now(clock_now_us() / 1000000);
    access_unlock();
    where = where ? where : usual_place();
    made->backend = backend_of(&where);
    return made->backend->open(made, where);
}

void mhs_close(struct mhs_session *session) {
    if (!session)
        return;
    session->backend->close(session);
    buf_free(&session->error.recipients);
    buf_free(&session->error.complaints);
    arena_free(&session->envelope);
    arena_free(&session->made);
    arena_free(&session->read);
    mem_free(session);
}

void mhs_set_timeout(struct mhs_session *session, int milliseconds) {
    session->timeout_ms = milliseconds;
}
