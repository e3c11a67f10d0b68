/*
 * Streams one field of a value of a type while the value's octets arrive: the
 * content of a message that is transferred, the argument of an operation. The
 * field's octets are told as they come and never held, of the rest an
 * "envelope" is collected up to a limit: an encoding of the same type in which
 * the field is empty and each element that encloses it has an indefinite
 * length. It decodes with the type's table like any other, when the field
 * begins already (for what stands before it), and at the end.
 *
 * Which field it is says a plan, made from the type's table and a path of
 * components. What is no value of the type is not found out here: elements
 * that the plan does not name go to the envelope, whose decoder judges them.
 *
 * A field whose type is a string is told without identifier and length, and
 * however it is cut into segments; of any other (an ANY above all) the whole
 * element is told as it is. Of several that a path fits the first is told.
 */
#ifndef ASN1_SCANNER_H
#define ASN1_SCANNER_H

#include "asn1/ber.h"

#define BER_PLAN_NODES  32
#define BER_PLAN_PATHS  4
#define BER_SCAN_DEPTH  20 /* elements on the way to the field, and its segments within one another */
#define BER_SCAN_HEADER 16 /* octets of identifier and length, at most */

/*
 * A path: the components' names as in the module, with a dot between them; an
 * element of an OF is `*`. `attribute-values(attribute-type)` goes on only where
 * the component in brackets of the same SEQUENCE or SET came before and has the
 * contents octets `when`.
 */
struct ber_path {
    const char *components;
    struct span when;
    bool string; /* the field is an ANY that holds an OCTET STRING: its contents are told; nothing, where it
                    does not */
};

struct ber_plan_node {
    const struct ber_type *type; /* of the field, or of what is on the way to it */
    uint8_t kind, parent, path;
    uint8_t component; /* of the parent, by number from 0 */
    uint8_t condition; /* 1 + the number of the parent's component that must be `when`; 0: none */
};

struct ber_plan {
    struct ber_plan_node nodes[BER_PLAN_NODES]; /* the first stands for what encloses the value */
    struct span when[BER_PLAN_PATHS];
    unsigned count;
    bool conditional; /* a node has a condition */
};

/* Makes a plan out of up to BER_PLAN_PATHS paths; those that begin with the same components may share them.
 * False: a name is not the type's. The octets of `when` are the caller's. */
bool ber_plan_init(struct ber_plan *plan, const struct ber_type *type, const struct ber_path *paths,
                   size_t count);

struct ber_scan_level {
    uint64_t end; /* offset after the contents; that of the enclosing element where the length is not known */
    bool indefinite;
    bool met;       /* a condition of this level holds */
    uint8_t node;   /* of the plan */
    uint8_t cursor; /* of a SEQUENCE: the component that is expected next */
};

enum ber_scan_in {
    BER_SCAN_IN_PATH,   /* what comes is an element at the innermost level */
    BER_SCAN_IN_REST,   /* inside one that goes to the envelope */
    BER_SCAN_IN_RAW,    /* inside the field, told with its headers */
    BER_SCAN_IN_STRING, /* inside the field, whose contents are told */
    BER_SCAN_COMPLETE,
    BER_SCAN_FAILED
};

struct ber_scanner {
    const struct ber_plan *plan;
    enum ber_scan_in in;
    unsigned depth;
    unsigned field_depth; /* BER_SCAN_IN_STRING: `depth` outside the field */
    unsigned open;        /* REST and RAW: indefinite elements that are open within one another */
    uint64_t left;        /* octets of contents that come before the next header */
    uint64_t offset;      /* of the next octet */
    struct buf head;      /* the envelope as far as it came, without the ends of what is open */
    size_t limit;
    size_t element;     /* where in the head the element begins that is being collected */
    uint8_t component;  /* 1 + its number in the level's type; 0: it is none */
    bool found;         /* the field has begun */
    bool beginning;     /* it is being told of */
    bool over_limit;    /* it failed since the envelope is too long */
    unsigned field_len; /* octets of `field` */
    unsigned header_len;
    /* What begins empty stands before this. */
    struct ber_scan_level levels[BER_SCAN_DEPTH];
    char error[80];
    uint8_t field[BER_SCAN_HEADER];  /* what stands for the field in the envelope */
    uint8_t header[BER_SCAN_HEADER]; /* one that is not complete */
};

struct ber_scan_handler {
    /* The field begins: that of path number `path`. `head` lives during the call; it ends where the field
     * begins.
     */
    bool (*field)(void *context, unsigned path, struct span head);
    /* Octets of the field, in order. */
    bool (*octets)(void *context, struct span octets);
};

/* Ready for a value; the plan must outlive the scanner. `limit` bounds the envelope. */
void ber_scanner_init(struct ber_scanner *s, const struct ber_plan *plan, size_t limit);
void ber_scanner_free(struct ber_scanner *s);

/* Takes the next octets. False: they are no BER value of the type's tag, the envelope is over its limit, or a
 * handler returned false; `s->error` says which, `s->offset` where. */
bool ber_scanner_feed(struct ber_scanner *s, struct span in, const struct ber_scan_handler *handler,
                      void *context);

/* True if the value is complete. */
bool ber_scanner_finish(struct ber_scanner *s);

/* The envelope as an encoding on its own, of what came up to now: appended to `out`. To be called when the
 * field begins or the value is complete; in between it is cut short where an element is. */
bool ber_scanner_envelope(const struct ber_scanner *s, struct buf *out);

/*
 * The way out: what goes before the octets of the field and after them, so that
 * they need not be at hand. `value` is an encoding in which the field is there
 * but empty (or a NULL, where it is told as it is); `length` are the octets that
 * a string will have. Appends to `head` and `tail`, whose lengths are indefinite
 * but for the field's. False: there is no such field in it, or it has octets, or
 * memory is exhausted.
 */
bool ber_scanner_split(const struct ber_plan *plan, struct span value, uint64_t length, struct buf *head,
                       struct buf *tail);

/* Most octets that ber_scanner_save appends. */
#define BER_SCAN_STATE_MAX 256

/* Appends the state without `head` to `out`; and goes on from a saved one and the `head` of then, which may
 * be left out when the field had begun and the envelope is not needed again. Restoring false: it is no state
 * that scanning with this plan can come to, or memory is exhausted. */
bool ber_scanner_save(const struct ber_scanner *s, struct buf *out);
bool ber_scanner_restore(struct ber_scanner *s, const struct ber_plan *plan, struct span state,
                         struct span head, size_t limit);

#endif
