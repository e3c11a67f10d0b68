/*
 * The association control machine (X.227): associate, release, abort. Each of
 * its APDUs carries at most one EXTERNAL of the user (RTSE). Results live in
 * `arena`.
 */
#ifndef OSI_ACSE_H
#define OSI_ACSE_H

#include "base/arena.h"
#include "osi/cause.h"

/* X.227 Annex A. */
enum acse_state {
    ACSE_STA0, /* unassociated */
    ACSE_STA1, /* awaiting AARE */
    ACSE_STA2, /* awaiting A-ASSOCIATE response */
    ACSE_STA3, /* awaiting RLRE */
    ACSE_STA4, /* awaiting A-RELEASE response */
    ACSE_STA5, /* associated */
};

struct acse {
    enum acse_state state;
    struct arena *arena;
    struct osi_cause *cause;
};

struct acse_associate {
    struct span application_context;   /* contents octets of the OBJECT IDENTIFIER */
    struct osi_entity calling, called; /* in AARE: `called` is the responding entity */
    bool version_1;                    /* AARQ: the peer speaks version 1, the one that there is */
    int result;                        /* AARE: enum acse_result */
    int diagnostic;                    /* AARE: of the source that is told; 0 null */
    bool by_provider;                  /* AARE: the ACSE service provider is the source */
    int64_t user_context;              /* presentation context of `user_data` */
    struct span user_data;             /* one APDU of the user, or absent */
};

enum acse_result { ACSE_ACCEPTED = 0, ACSE_REJECTED_PERMANENT = 1, ACSE_REJECTED_TRANSIENT = 2 };

/* acse-service-user diagnostics that we send. */
enum { ACSE_NULL = 0, ACSE_NO_REASON_GIVEN = 1, ACSE_APPLICATION_CONTEXT_NAME_NOT_SUPPORTED = 2 };

/* acse-service-provider diagnostic that we send. */
enum { ACSE_NO_COMMON_ACSE_VERSION = 2 };

void acse_init(struct acse *a, struct arena *arena, struct osi_cause *cause);

bool acse_request(struct acse *a, const struct acse_associate *associate, struct span *aarq);
bool acse_indication(struct acse *a, struct span aarq, struct acse_associate *associate);
bool acse_response(struct acse *a, const struct acse_associate *associate, struct span *aare);
bool acse_confirm(struct acse *a, struct span aare, struct acse_associate *associate);

/* RLRQ, with user data where there are some, and RLRE without; reason normal. What is read tells the peer's.
 */
bool acse_release(struct acse *a, int64_t user_context, struct span user_data, struct span *rlrq);
bool acse_release_indication(struct acse *a, struct span rlrq, struct span *user_data);
bool acse_release_response(struct acse *a, struct span *rlre);
bool acse_release_confirm(struct acse *a, struct span rlre, struct span *user_data);

/* ABRT; `by_provider` false is the user's abort. */
bool acse_abort(struct acse *a, bool by_provider, int64_t user_context, struct span user_data,
                struct span *abrt);
bool acse_aborted(struct acse *a, struct span abrt, bool *by_provider, struct span *user_data);

/* The diagnostic of an AARE in words. */
const char *acse_diagnostic_text(const struct acse_associate *aare);
/* The parameter that it points at; may be empty. */
const char *acse_diagnostic_parameter(const struct acse_associate *aare);

#endif
