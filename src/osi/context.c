#include "osi/context.h"

#include <string.h>

#include "schema/x227.h"
#include "schema/x228.h"
#include "schema/x419.h"

static const struct span rtse_of_isode = {(const uint8_t *)"\x53\x00", 2}; /* 2.3.0, as ISODE names it */

static const struct {
    const struct span *oid;
    enum osi_syntax syntax;
    const char *name;
} syntaxes[] = {
    {&x227_acse_as_id, OSI_SYNTAX_ACSE, "ACSE"},
    {&x419_id_as_mta_rtse, OSI_SYNTAX_RTSE, "RTSE"},
    {&x419_id_as_mts_rtse, OSI_SYNTAX_RTSE, "RTSE"},
    {&x419_id_as_ms_rtse, OSI_SYNTAX_RTSE, "RTSE"},
    {&x228_rTSE_abstract_syntax, OSI_SYNTAX_RTSE, "RTSE"},
    {&rtse_of_isode, OSI_SYNTAX_RTSE, "RTSE"},
    {&x419_id_as_mtse, OSI_SYNTAX_MTSE, "MTSE"},
    {&x419_id_as_msse, OSI_SYNTAX_MSSE, "MSSE"},
    {&x419_id_as_mdse_88, OSI_SYNTAX_MDSE_88, "MDSE"},
    {&x419_id_as_mrse_88, OSI_SYNTAX_MRSE_88, "MRSE"},
    {&x419_id_as_mase_88, OSI_SYNTAX_MASE_88, "MASE"},
    {&x419_id_as_mts, OSI_SYNTAX_MTS_BIND, "MTS-bind"},
    {&x419_id_as_ms_88, OSI_SYNTAX_MS_BIND_88, "MS-bind"},
    {&x419_id_as_ms_msse, OSI_SYNTAX_MS_MSSE, "MS-MSSE"},
    {&x419_id_as_mdse_94, OSI_SYNTAX_MDSE_94, "MDSE of 1994"},
    {&x419_id_as_mrse_94, OSI_SYNTAX_MRSE_94, "MRSE of 1994"},
    {&x419_id_as_mase_94, OSI_SYNTAX_MASE_94, "MASE of 1994"},
    {&x419_id_as_ms_94, OSI_SYNTAX_MS_BIND_94, "MS-bind of 1994"},
};

#define P1 OSI_USER_RTSE, OSI_BY_MTA
#define CARRIES                                                                                              \
    OSI_SYNTAX_RTSE, &x419_id_as_mta_rtse, {                                                                 \
        OSI_SYNTAX_MTSE                                                                                      \
    }
#define MTS_BIND OSI_SYNTAX_MTS_BIND, &x419_id_as_mts
#define MTS_RTSE OSI_SYNTAX_RTSE, &x419_id_as_mts_rtse
#define MS_RTSE  OSI_SYNTAX_RTSE, &x419_id_as_ms_rtse
#define P3_88                                                                                                \
    { OSI_SYNTAX_MSSE, OSI_SYNTAX_MDSE_88, OSI_SYNTAX_MASE_88 }
#define P3_94                                                                                                \
    { OSI_SYNTAX_MSSE, OSI_SYNTAX_MDSE_94, OSI_SYNTAX_MASE_94 }
#define P7_88                                                                                                \
    { OSI_SYNTAX_MSSE, OSI_SYNTAX_MRSE_88, OSI_SYNTAX_MASE_88 }
#define P7_94                                                                                                \
    { OSI_SYNTAX_MS_MSSE, OSI_SYNTAX_MRSE_94, OSI_SYNTAX_MASE_94 }

/* In the order of the bits of enum osi_context. */
static const struct osi_context_row rows[OSI_CONTEXT_COUNT] = {
    {OSI_MTS_TRANSFER, "mts-transfer", &x419_id_ac_mts_transfer, 0, P1, 1988, CARRIES},
    {OSI_MTS_TRANSFER_PROTOCOL, "mts-transfer-protocol", NULL, 12, P1, 1988, CARRIES},
    {OSI_MTS_TRANSFER_PROTOCOL_1984, "mts-transfer-protocol-1984", NULL, 1, P1, 1984, CARRIES},
    {OSI_MTS_ACCESS_88, "mts-access-88", &x419_id_ac_mts_access_88, 0, OSI_USER_ROSE, OSI_BY_MTS_USER, 1988,
     MTS_BIND, P3_88},
    {OSI_MTS_FORCED_ACCESS_88, "mts-forced-access-88", &x419_id_ac_mts_forced_access_88, 0, OSI_USER_ROSE,
     OSI_BY_MTS, 1988, MTS_BIND, P3_88},
    {OSI_MTS_RELIABLE_ACCESS_88, "mts-reliable-access-88", &x419_id_ac_mts_reliable_access_88, 0,
     OSI_USER_ROSE_OVER_RTSE, OSI_BY_MTS_USER, 1988, MTS_RTSE, P3_88},
    {OSI_MTS_FORCED_RELIABLE_ACCESS_88, "mts-forced-reliable-access-88",
     &x419_id_ac_mts_forced_reliable_access_88, 0, OSI_USER_ROSE_OVER_RTSE, OSI_BY_MTS, 1988, MTS_RTSE,
     P3_88},
    {OSI_MS_ACCESS_88, "ms-access-88", &x419_id_ac_ms_access_88, 0, OSI_USER_ROSE, OSI_BY_MS_USER, 1988,
     OSI_SYNTAX_MS_BIND_88, &x419_id_as_ms_88, P7_88},
    {OSI_MS_RELIABLE_ACCESS_88, "ms-reliable-access-88", &x419_id_ac_ms_reliable_access_88, 0,
     OSI_USER_ROSE_OVER_RTSE, OSI_BY_MS_USER, 1988, MS_RTSE, P7_88},
    {OSI_MTS_ACCESS_94, "mts-access-94", &x419_id_ac_mts_access_94, 0, OSI_USER_ROSE, OSI_BY_MTS_USER, 1994,
     MTS_BIND, P3_94},
    {OSI_MTS_FORCED_ACCESS_94, "mts-forced-access-94", &x419_id_ac_mts_forced_access_94, 0, OSI_USER_ROSE,
     OSI_BY_MTS, 1994, MTS_BIND, P3_94},
    {OSI_MTS_RELIABLE_ACCESS_94, "mts-reliable-access-94", &x419_id_ac_mts_reliable_access_94, 0,
     OSI_USER_ROSE_OVER_RTSE, OSI_BY_MTS_USER, 1994, MTS_RTSE, P3_94},
    {OSI_MTS_FORCED_RELIABLE_ACCESS_94, "mts-forced-reliable-access-94",
     &x419_id_ac_mts_forced_reliable_access_94, 0, OSI_USER_ROSE_OVER_RTSE, OSI_BY_MTS, 1994, MTS_RTSE,
     P3_94},
    {OSI_MS_ACCESS_94, "ms-access-94", &x419_id_ac_ms_access_94, 0, OSI_USER_ROSE, OSI_BY_MS_USER, 1994,
     OSI_SYNTAX_MS_BIND_94, &x419_id_as_ms_94, P7_94},
    {OSI_MS_RELIABLE_ACCESS_94, "ms-reliable-access-94", &x419_id_ac_ms_reliable_access_94, 0,
     OSI_USER_ROSE_OVER_RTSE, OSI_BY_MS_USER, 1994, MS_RTSE, P7_94},
};

const struct osi_context_row *osi_context_row(enum osi_context context) {
    unsigned bits = (unsigned)context & OSI_ALL_CONTEXTS;
    return &rows[bits ? __builtin_ctz(bits) : 0];
}

const struct osi_context_row *osi_context_by_name(const char *name) {
    for (size_t i = 0; i < OSI_CONTEXT_COUNT; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

const struct osi_context_row *osi_context_by_oid(struct span oid) {
    for (size_t i = 0; i < OSI_CONTEXT_COUNT; i++)
        if (rows[i].oid && span_eq(*rows[i].oid, oid))
            return &rows[i];
    return NULL;
}

const struct osi_context_row *osi_context_by_protocol(int64_t application_protocol) {
    for (size_t i = 0; i < OSI_CONTEXT_COUNT; i++)
        if (!rows[i].oid && rows[i].application_protocol == application_protocol)
            return &rows[i];
    return NULL;
}

bool osi_context_uses(const struct osi_context_row *row, enum osi_syntax syntax) {
    for (size_t i = 0; i < OSI_CONTEXT_SYNTAXES; i++)
        if (row->syntaxes[i] == syntax)
            return true;
    return syntax == row->carrier || syntax == OSI_SYNTAX_ACSE;
}

enum osi_syntax osi_syntax_by_oid(struct span oid) {
    for (size_t i = 0; i < sizeof syntaxes / sizeof *syntaxes; i++)
        if (span_eq(oid, *syntaxes[i].oid))
            return syntaxes[i].syntax;
    return OSI_SYNTAX_NONE;
}

struct span osi_syntax_oid(enum osi_syntax syntax) {
    for (size_t i = 0; i < sizeof syntaxes / sizeof *syntaxes; i++)
        if (syntaxes[i].syntax == syntax)
            return *syntaxes[i].oid;
    return (struct span){NULL, 0};
}

const char *osi_syntax_name(enum osi_syntax syntax) {
    for (size_t i = 0; i < sizeof syntaxes / sizeof *syntaxes; i++)
        if (syntaxes[i].syntax == syntax)
            return syntaxes[i].name;
    return "unknown";
}
