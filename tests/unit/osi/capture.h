/* Reads the TCP payloads of a pcap or pcapng file (Ethernet, IPv4), joined for each direction in the order of
 * the packets. */
#ifndef TEST_OSI_CAPTURE_H
#define TEST_OSI_CAPTURE_H

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"

#define CAPTURE_STREAMS 256

struct capture_stream {
    uint16_t source, destination; /* TCP ports */
    bool seen;
    uint32_t next; /* sequence number; what is below was captured twice */
    struct buf octets;
};

struct capture {
    struct capture_stream streams[CAPTURE_STREAMS];
    size_t count;
};

static inline uint32_t capture_be(const uint8_t *p, unsigned octets) {
    uint32_t value = 0;
    for (unsigned i = 0; i < octets; i++)
        value = value << 8 | p[i];
    return value;
}

/* The latest connection between these ports; `syn` starts another. */
static inline struct capture_stream *capture_stream(struct capture *c, uint16_t source, uint16_t destination,
                                                    bool syn) {
    for (size_t i = c->count; !syn && i-- > 0;)
        if (c->streams[i].source == source && c->streams[i].destination == destination)
            return &c->streams[i];
    if (c->count == CAPTURE_STREAMS)
        return NULL;
    struct capture_stream *s = &c->streams[c->count++];
    *s = (struct capture_stream){.source = source, .destination = destination};
    buf_init(&s->octets, 0);
    return s;
}

static inline void capture_tcp(struct capture *c, const uint8_t *tcp, size_t len) {
    size_t header = len >= 20 ? (size_t)(tcp[12] >> 4) * 4 : 0;
    if (header < 20 || header > len)
        return;
    struct capture_stream *s =
        capture_stream(c, (uint16_t)capture_be(tcp, 2), (uint16_t)capture_be(tcp + 2, 2), (tcp[13] & 2) != 0);
    uint32_t sequence = capture_be(tcp + 4, 4);
    size_t payload = len - header;
    if (!s || payload == 0 || (s->seen && (int32_t)(sequence - s->next) < 0))
        return;
    s->seen = true;
    s->next = sequence + (uint32_t)payload;
    buf_append(&s->octets, tcp + header, payload);
}

static inline void capture_ip(struct capture *c, const uint8_t *packet, size_t len) {
    if (len < 20 || packet[0] >> 4 != 4 || packet[9] != 6)
        return;
    size_t ip = (size_t)(packet[0] & 0x0F) * 4, total = capture_be(packet + 2, 2);
    if (total >= ip && total <= len)
        capture_tcp(c, packet + ip, total - ip);
}

static inline uint32_t capture_le(const uint8_t *p) {
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* Little-endian pcap: Ethernet, loopback (link type 0) or bare IP (101). */
static inline void capture_pcap(struct capture *c, const uint8_t *file, size_t len) {
    uint32_t type = capture_le(file + 20);
    size_t link = type == 101 ? 0 : type == 0 ? 4 : 14, at = 24;
    while (at + 16 <= len) {
        size_t packet = capture_le(file + at + 8);
        at += 16;
        if (packet > len - at)
            break;
        if (packet > link)
            capture_ip(c, file + at + link, packet - link);
        at += packet;
    }
}

/* Little-endian pcapng: enhanced packet blocks, Ethernet. */
static inline void capture_pcapng(struct capture *c, const uint8_t *file, size_t len) {
    size_t at = 0;
    while (at + 28 <= len) {
        size_t block = capture_le(file + at + 4), packet = capture_le(file + at + 20);
        if (block < 12 || block > len - at)
            break;
        if (capture_le(file + at) == 6 && packet > 14 && packet <= block - 28)
            capture_ip(c, file + at + 28 + 14, packet - 14);
        at += block;
    }
}

/* False when the file is not there: the samples are not part of the repository. */
static inline bool capture_read(struct capture *c, const char *path) {
    FILE *file = fopen(path, "rb");
    static uint8_t octets[1 << 22];
    memset(c, 0, sizeof *c);
    if (!file)
        return false;
    size_t len = fread(octets, 1, sizeof octets, file);
    fclose(file);
    if (len > 28 && capture_le(octets) == 0x0A0D0D0A)
        capture_pcapng(c, octets, len);
    else if (len > 24)
        capture_pcap(c, octets, len);
    return true;
}

static inline void capture_free(struct capture *c) {
    for (size_t i = 0; i < c->count; i++)
        buf_free(&c->streams[i].octets);
}

#endif
