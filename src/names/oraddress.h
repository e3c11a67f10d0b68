/*
 * O/R addresses (X.402 §18): the attributes of an address as UTF-8, from the
 * wire's form (X.411 ORAddress) and back, from text in every usual spelling and
 * to text in one, and in a canonical form for comparison.
 *
 * Memory: everything made here lives in the caller's arena and may point into
 * the input, which must outlive it.
 */
#ifndef NAMES_ORADDRESS_H
#define NAMES_ORADDRESS_H

#include "base/arena.h"
#include "base/error.h"
#include "base/span.h"
#include "schema/x411.h"

/* The kinds of attribute, in hierarchical order: that in which they are listed, printed and compared. */
enum oraddress_kind {
    ORADDRESS_COUNTRY = 1,
    ORADDRESS_ADMD,
    ORADDRESS_PRMD,
    ORADDRESS_ORGANIZATION,
    ORADDRESS_UNIT_1,
    ORADDRESS_UNIT_2,
    ORADDRESS_UNIT_3,
    ORADDRESS_UNIT_4,
    ORADDRESS_COMMON_NAME,
    ORADDRESS_SURNAME,
    ORADDRESS_GIVEN_NAME,
    ORADDRESS_INITIALS,
    ORADDRESS_GENERATION,
    ORADDRESS_NUMERIC_USER_ID,
    ORADDRESS_X121,
    ORADDRESS_ISDN, /* E.163/E.164: `number` or `number+sub-address` */
    ORADDRESS_PSAP, /* a presentation address as RFC 1278 writes it */
    ORADDRESS_TERMINAL_ID,
    ORADDRESS_TERMINAL_TYPE, /* tlx, ttx, g3fax, g4fax, ia5, vtx, or the number of another */
    ORADDRESS_PD_SERVICE,
    ORADDRESS_PD_COUNTRY,
    ORADDRESS_PD_POSTAL_CODE,
    ORADDRESS_PD_OFFICE,
    ORADDRESS_PD_OFFICE_NUMBER,
    ORADDRESS_PD_ORGANIZATION,
    ORADDRESS_PD_PERSON,
    ORADDRESS_PD_EXTENSION_ADDRESS,  /* extension-OR-address-components */
    ORADDRESS_PD_EXTENSION_DELIVERY, /* extension-physical-delivery-address-components */
    ORADDRESS_PD_STREET,
    ORADDRESS_PD_BOX,
    ORADDRESS_PD_RESTANTE,
    ORADDRESS_PD_UNIQUE,
    ORADDRESS_PD_LOCAL,
    ORADDRESS_PD_LINE_1, /* lines of the unformatted postal address */
    ORADDRESS_PD_LINE_2,
    ORADDRESS_PD_LINE_3,
    ORADDRESS_PD_LINE_4,
    ORADDRESS_PD_LINE_5,
    ORADDRESS_PD_LINE_6,
    ORADDRESS_DOMAIN_DEFINED, /* `type` names it; several may stand in an address, in order */
    ORADDRESS_UNKNOWN, /* an extension attribute of another edition: `type` its number, `value` its BER in hex
                        */
    ORADDRESS_KINDS
};

struct oraddress_attribute {
    enum oraddress_kind kind;
    struct span type;  /* of a domain-defined or unknown attribute, else absent */
    struct span value; /* UTF-8, as written */
    /* UTF-8: a teletex form that goes onto the wire beside a printable value (`CN=yen*{165}`), else absent.
     * It is a variant of the value (X.402 §18.3): neither compared nor printed. Of PD-A1 that of all lines.
     */
    struct span teletex;
    /* UTF-8 in canonical form: letters' case folded, accents composed, spaces trimmed and collapsed, a
     * numeric country as its alpha form, digits without spaces, a presentation address as it is printed. An
     * ADMD or PRMD is the same as NumericString and as PrintableString. */
    struct span key;
    struct span type_key; /* the same of `type` */
};

/* An address. Of an attribute that has printable, teletex and universal forms the first that is there counts,
 * in this order (X.402 §18.3 makes them variants of one value). */
struct oraddress {
    struct oraddress_attribute *items; /* sorted by kind */
    size_t count;                      /* 0: the address is "semantically absent" (X.411 §8.5.5) */
};

enum oraddress_error {
    ORADDRESS_SYNTAX = 1, /* the text is no O/R address; the error says where and why */
    ORADDRESS_BOUND,      /* a value is too long, or there are too many; the error names the bound */
    ORADDRESS_CHARACTER,  /* a character that the attribute's string types lack */
    ORADDRESS_MEMORY
};

/* ---- text ---- */

/*
 * Reads `G=John; S=Smith; O=a bank; P=abl; A=snomail; C=aq` (F.401, RFC 1685),
 * `/C=AQ/A=SNOMAIL/P=ABL/S=Smith/` (RFC 2156 §4.1.3), a mixture of both, or the
 * first with commas; labels short or long, in any case and order; with or
 * without `X.400:` or `X400:` before it, and Microsoft's brackets around all.
 * A doubled delimiter, or `$` or `\` before a mark, makes it part of the value.
 * `DDA.TYPE=ms` and `DDA.VALUE=net/po/user` are one attribute, `DDA:ms`.
 * `CN=yen*{165}` has a printable and a teletex form (RFC 2156 §3.3.4), `CN=*{165}`
 * the latter only. A country without an ADMD means the ADMD of one space. Empty
 * text gives an empty address. Bounds are checked when the wire's form is built.
 */
bool oraddress_parse(struct span text, struct arena *arena, struct oraddress *address, struct error *err);

/*
 * The one form that we write: `/C=GB/A=GOLD/P=ALPHA/O=…/OU1=…/CN=…/S=…`, in
 * hierarchical order, `/`, `;`, `=`, `*`, `$` and `\` in values escaped with `$`,
 * domain-defined attributes as `DDA:type=value`. Reading it back gives an equal
 * address. In the arena, NUL after it; `data` is NULL without memory.
 */
struct span oraddress_text(const struct oraddress *address, struct arena *arena);

/* The label of a kind (`OU1`, `DDA`), or NULL. */
const char *oraddress_label(enum oraddress_kind kind);

/* Another name as values are compared: letters' case folded, accents composed, spaces trimmed and collapsed.
 * In the arena, NUL after it; `data` is NULL without memory. */
struct span oraddress_fold(struct span name, struct arena *arena);

/* ---- the wire's form ---- */

/* The attributes of a decoded address or name. False only without memory: what can't be read is
 * ORADDRESS_UNKNOWN. */
bool oraddress_of(const struct x411_ORAddress *wire, struct arena *arena, struct oraddress *address);
bool oraddress_of_name(const struct x411_ORName *name, struct arena *arena, struct oraddress *address);

/*
 * Builds the wire's form. A value that is no PrintableString becomes the teletex
 * attribute, or the universal one where T.61 lacks a character. Bounds of X.411
 * are checked. The name's directory-name is left NULL.
 */
bool oraddress_build(const struct oraddress *address, struct arena *arena, struct x411_ORAddress *wire,
                     struct error *err);
bool oraddress_build_name(const struct oraddress *address, struct arena *arena, struct x411_ORName *name,
                          struct error *err);

/* Text to name and back at once. `DN:` and a distinguished name (names/dn.h) stand for a name that is a
 * directory name alone (X.411 §8.5.5); of a name with both, the address is written. */
bool oraddress_parse_name(struct span text, struct arena *arena, struct x411_ORName *name, struct error *err);
struct span oraddress_name_text(const struct x411_ORName *name, struct arena *arena);

/* ---- comparison ---- */

/* The first attribute of a kind, or NULL. */
const struct oraddress_attribute *oraddress_find(const struct oraddress *address, enum oraddress_kind kind);

/* Equal if the same attributes have the same keys (X.402 §18.4, §12.4 of X.411). */
bool oraddress_equal(const struct oraddress *a, const struct oraddress *b);

/*
 * The one key under which addresses are kept and looked up: the printed form of
 * the values' keys (`/C=gb/A=gold/P=alpha/S=smith`). Equal octets for equal
 * addresses, and the key of itself when it is parsed. In the arena, NUL after
 * it; `data` NULL without memory.
 */
struct span oraddress_key(const struct oraddress *address, struct arena *arena);

/* The key of a text in any spelling. `data` NULL when it is no address, or an empty one; `err` (may be NULL)
 * says why. */
struct span oraddress_key_of(struct span text, struct arena *arena, struct error *err);

/* The canonical form of one value of a kind. `data` NULL without memory. */
struct span oraddress_value_key(enum oraddress_kind kind, struct span value, struct arena *arena);

/* True if an attribute of a postal address (X.402 §18.5.3) is there; true if a mnemonic, numeric, postal or
 * terminal address lacks nothing that X.402 §18.5 makes mandatory, else `*missing` (may be NULL) says what
 * lacks. */
bool oraddress_is_postal(const struct oraddress *address);
bool oraddress_is_complete(const struct oraddress *address, const char **missing);

#endif
