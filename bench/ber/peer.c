#include "peer.h"
#include "MessageTransferEnvelope.h"

void *peer_decode(const void *octets, size_t len) {
    MessageTransferEnvelope_t *envelope = NULL;
    asn_dec_rval_t result =
        ber_decode(NULL, &asn_DEF_MessageTransferEnvelope, (void **)&envelope, octets, len);
    if (result.code == RC_OK && result.consumed == len)
        return envelope;
    peer_free(envelope);
    return NULL;
}

size_t peer_encode(void *envelope, void *out, size_t size) {
    asn_enc_rval_t result = der_encode_to_buffer(&asn_DEF_MessageTransferEnvelope, envelope, out, size);
    return result.encoded < 0 ? 0 : (size_t)result.encoded;
}

void peer_free(void *envelope) {
    ASN_STRUCT_FREE(asn_DEF_MessageTransferEnvelope, envelope);
}
