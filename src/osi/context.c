#include "osi/context.h"

#include <string.h>

/* joint-iso-itu-t(2) mhs(6) protocols(0): ac(1), as(2) */
#define AC(number)  SPAN_OF_OCTETS(0x56, 0x00, 0x01, number)
#define AS(number)  SPAN_OF_OCTETS(0x56, 0x00, 0x02, number)
#define ACSE        SPAN_OF_OCTETS(0x52, 0x01, 0x00, 0x01) /* 2.2.1.0.1, X.227 */
#define RTSE        SPAN_OF_OCTETS(0x53, 0x02)             /* 2.3.2, X.228 §9 */
#define RTSE_ISODE  SPAN_OF_OCTETS(0x53, 0x00)             /* 2.3.0, as ISODE names it */
#define ID_MTS_RTSE 8
#define ID_MS_RTSE  10
#define ID_MTA_RTSE 12

#define SPAN_OF_OCTETS(...)                                                                                  \
    { (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}) }

static const struct {
    struct span oid;
    enum osi_syntax syntax;
    const char *name;
} syntaxes[] = {
    {ACSE, OSI_SYNTAX_ACSE, "ACSE"},
    {AS(ID_MTA_RTSE), OSI_SYNTAX_RTSE, "RTSE"},
    {AS(ID_MTS_RTSE), OSI_SYNTAX_RTSE, "RTSE"},
    {AS(ID_MS_RTSE), OSI_SYNTAX_RTSE, "RTSE"},
    {RTSE, OSI_SYNTAX_RTSE, "RTSE"},
    {RTSE_ISODE, OSI_SYNTAX_RTSE, "RTSE"},
    {AS(7), OSI_SYNTAX_MTSE, "MTSE"},
    {AS(1), OSI_SYNTAX_MSSE, "MSSE"},
    {AS(2), OSI_SYNTAX_MDSE_88, "MDSE"},
    {AS(5), OSI_SYNTAX_MRSE_88, "MRSE"},
    {AS(6), OSI_SYNTAX_MASE_88, "MASE"},
    {AS(11), OSI_SYNTAX_MTS_BIND, "MTS-bind"},
    {AS(9), OSI_SYNTAX_MS_BIND_88, "MS-bind"},
    {AS(13), OSI_SYNTAX_MS_MSSE, "MS-MSSE"},
    {AS(14), OSI_SYNTAX_MDSE_94, "MDSE of 1994"},
    {AS(15), OSI_SYNTAX_MRSE_94, "MRSE of 1994"},
    {AS(16), OSI_SYNTAX_MASE_94, "MASE of 1994"},
    {AS(17), OSI_SYNTAX_MS_BIND_94, "MS-bind of 1994"},
};

#define P1 OSI_USER_RTSE, OSI_BY_MTA
#define CARRIES                                                                                              \
    OSI_SYNTAX_RTSE, AS(ID_MTA_RTSE), {                                                                      \
        OSI_SYNTAX_MTSE                                                                                      \
    }
#define MTS_BIND OSI_SYNTAX_MTS_BIND, AS(11)
#define MTS_RTSE OSI_SYNTAX_RTSE, AS(ID_MTS_RTSE)
#define MS_RTSE  OSI_SYNTAX_RTSE, AS(ID_MS_RTSE)
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
    {OSI_MTS_TRANSFER, "mts-transfer", AC(6), 0, P1, 1988, CARRIES},
    {OSI_MTS_TRANSFER_PROTOCOL, "mts-transfer-protocol", {NULL, 0}, 12, P1, 1988, CARRIES},
    {OSI_MTS_TRANSFER_PROTOCOL_1984, "mts-transfer-protocol-1984", {NULL, 0}, 1, P1, 1984, CARRIES},
    {OSI_MTS_ACCESS_88, "mts-access-88", AC(0), 0, OSI_USER_ROSE, OSI_BY_MTS_USER, 1988, MTS_BIND, P3_88},
    {OSI_MTS_FORCED_ACCESS_88, "mts-forced-access-88", AC(1), 0, OSI_USER_ROSE, OSI_BY_MTS, 1988, MTS_BIND,
     P3_88},
    {OSI_MTS_RELIABLE_ACCESS_88, "mts-reliable-access-88", AC(2), 0, OSI_USER_ROSE_OVER_RTSE, OSI_BY_MTS_USER,
     1988, MTS_RTSE, P3_88},
    {OSI_MTS_FORCED_RELIABLE_ACCESS_88, "mts-forced-reliable-access-88", AC(3), 0, OSI_USER_ROSE_OVER_RTSE,
     OSI_BY_MTS, 1988, MTS_RTSE, P3_88},
    {OSI_MS_ACCESS_88, "ms-access-88", AC(4), 0, OSI_USER_ROSE, OSI_BY_MS_USER, 1988, OSI_SYNTAX_MS_BIND_88,
     AS(9), P7_88},
    {OSI_MS_RELIABLE_ACCESS_88, "ms-reliable-access-88", AC(5), 0, OSI_USER_ROSE_OVER_RTSE, OSI_BY_MS_USER,
     1988, MS_RTSE, P7_88},
    {OSI_MTS_ACCESS_94, "mts-access-94", AC(7), 0, OSI_USER_ROSE, OSI_BY_MTS_USER, 1994, MTS_BIND, P3_94},
    {OSI_MTS_FORCED_ACCESS_94, "mts-forced-access-94", AC(8), 0, OSI_USER_ROSE, OSI_BY_MTS, 1994, MTS_BIND,
     P3_94},
    {OSI_MTS_RELIABLE_ACCESS_94, "mts-reliable-access-94", AC(9), 0, OSI_USER_ROSE_OVER_RTSE, OSI_BY_MTS_USER,
     1994, MTS_RTSE, P3_94},
    {OSI_MTS_FORCED_RELIABLE_ACCESS_94, "mts-forced-reliable-access-94", AC(10), 0, OSI_USER_ROSE_OVER_RTSE,
     OSI_BY_MTS, 1994, MTS_RTSE, P3_94},
    {OSI_MS_ACCESS_94, "ms-access-94", AC(11), 0, OSI_USER_ROSE, OSI_BY_MS_USER, 1994, OSI_SYNTAX_MS_BIND_94,
     AS(17), P7_94},
    {OSI_MS_RELIABLE_ACCESS_94, "ms-reliable-access-94", AC(12), 0, OSI_USER_ROSE_OVER_RTSE, OSI_BY_MS_USER,
     1994, MS_RTSE, P7_94},
};

const struct osi_context_row *osi_context_row(enum osi_context context) {
    return &rows[__builtin_ctz((unsigned)context)];
}

const struct osi_context_row *osi_context_by_name(const char *name) {
    for (size_t i = 0; i < OSI_CONTEXT_COUNT; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

const struct osi_context_row *osi_context_by_oid(struct span oid) {
    for (size_t i = 0; i < OSI_CONTEXT_COUNT; i++)
        if (rows[i].oid.data && span_eq(rows[i].oid, oid))
            return &rows[i];
    return NULL;
}

const struct osi_context_row *osi_context_by_protocol(int64_t application_protocol) {
    for (size_t i = 0; i < OSI_CONTEXT_COUNT; i++)
        if (!rows[i].oid.data && rows[i].application_protocol == application_protocol)
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
        if (span_eq(oid, syntaxes[i].oid))
            return syntaxes[i].syntax;
    return OSI_SYNTAX_NONE;
}

struct span osi_syntax_oid(enum osi_syntax syntax) {
    for (size_t i = 0; i < sizeof syntaxes / sizeof *syntaxes; i++)
        if (syntaxes[i].syntax == syntax)
            return syntaxes[i].oid;
    return (struct span){NULL, 0};
}

const char *osi_syntax_name(enum osi_syntax syntax) {
    for (size_t i = 0; i < sizeof syntaxes / sizeof *syntaxes; i++)
        if (syntaxes[i].syntax == syntax)
            return syntaxes[i].name;
    return "unknown";
}
