/* The repertoires of the string types that attributes are made of (X.680 §41). */
#include "names/oraddress_private.h"

bool is_digits(struct span s) {
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9')
            return false;
    }
    return s.len > 0;
}

bool is_printable_string(struct span s) {
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.data[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!letter && (c == 0 || !strchr(" '()+,-./:=?", c)))
            return false;
    }
    return true;
}
