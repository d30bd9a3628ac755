/* Many SNMPv2c agents in one process: one socket on port P answers for every 127.x.y.z.
 *
 * usage: snmp_agents PORT INTERFACES DEAD_EVERY
 *   DEAD_EVERY n > 0: every nth address (by its last 16 bits) never answers.
 *
 * Every value is a formula of (address, column, ifIndex, time), see counter() and the Python
 * side of the benchmark, so that a client's results can be checked. A benchmark's instrument:
 * it serves system, IF-MIB and nothing else, and needs well-formed requests.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_ENTRIES 8192
#define ANSWER_MAX 1400

enum kind { TEXT, OID_VALUE, NUMBER };

struct entry {
    unsigned char oid[16];
    int oid_len;
    enum kind kind;
    unsigned char tag;
    int column; /* formula */
    int index;
};

static struct entry table[MAX_ENTRIES];
static int entries;
static struct timespec started;

static const unsigned char SYSTEM[] = {0x2b, 6, 1, 2, 1, 1};
static const unsigned char IFNUMBER[] = {0x2b, 6, 1, 2, 1, 2, 1};
static const unsigned char IFTABLE[] = {0x2b, 6, 1, 2, 1, 2, 2, 1};
static const unsigned char IFXTABLE[] = {0x2b, 6, 1, 2, 1, 31, 1, 1, 1};
static const unsigned char LASTCHANGE[] = {0x2b, 6, 1, 2, 1, 31, 1, 5};
static const unsigned char OBJECT_ID[] = {0x2b, 6, 1, 4, 1, 0x81, 0x81, 0x49, 1}; /* no vendor's */

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (t.tv_sec - started.tv_sec) + (t.tv_nsec - started.tv_nsec) / 1e9;
}

static void add(const unsigned char *prefix, int n, int column, int index, enum kind kind, int tag, int formula) {
    struct entry *e = &table[entries++];
    memcpy(e->oid, prefix, n);
    if (column >= 0) e->oid[n++] = column;
    e->oid[n++] = index;
    e->oid_len = n;
    e->kind = kind;
    e->tag = tag;
    e->column = formula;
    e->index = index;
}

static int compare(const unsigned char *a, int an, const unsigned char *b, int bn) {
    int n = an < bn ? an : bn, c = memcmp(a, b, n); /* octet order is OID order here */
    return c ? c : an - bn;
}

static int by_oid(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    return compare(x->oid, x->oid_len, y->oid, y->oid_len);
}

static void build(int interfaces) {
    static const struct { int column, tag, x; } columns[] = {
        {1, 2, 0}, {3, 2, 0}, {5, 0x42, 0}, {7, 2, 0}, {8, 2, 0}, {10, 0x41, 0}, {11, 0x41, 0},
        {13, 0x41, 0}, {14, 0x41, 0}, {16, 0x41, 0}, {17, 0x41, 0}, {19, 0x41, 0}, {20, 0x41, 0},
        {6, 0x46, 1}, {7, 0x46, 1}, {10, 0x46, 1}, {11, 0x46, 1}, {15, 0x42, 1}, {19, 0x43, 1}};
    add(SYSTEM, sizeof SYSTEM, 1, 0, TEXT, 4, 1);
    add(SYSTEM, sizeof SYSTEM, 2, 0, OID_VALUE, 6, 2);
    add(SYSTEM, sizeof SYSTEM, 3, 0, NUMBER, 0x43, -3);
    add(SYSTEM, sizeof SYSTEM, 5, 0, TEXT, 4, 5);
    add(IFNUMBER, sizeof IFNUMBER, -1, 0, NUMBER, 2, -(1000 + interfaces));
    add(LASTCHANGE, sizeof LASTCHANGE, -1, 0, NUMBER, 0x43, -4);
    for (int i = 1; i <= interfaces; i++) {
        for (unsigned c = 0; c < sizeof columns / sizeof *columns; c++)
            add(columns[c].x ? IFXTABLE : IFTABLE, columns[c].x ? sizeof IFXTABLE : sizeof IFTABLE,
                columns[c].column, i, NUMBER, columns[c].tag, columns[c].column + 100 * columns[c].x);
        add(IFTABLE, sizeof IFTABLE, 2, i, TEXT, 4, 2);
        add(IFXTABLE, sizeof IFXTABLE, 1, i, TEXT, 4, 101);
        add(IFXTABLE, sizeof IFXTABLE, 18, i, TEXT, 4, 118);
    }
    qsort(table, entries, sizeof *table, by_oid);
}

/* A port that was busy for some years: values have the width that real ones have. */
static uint64_t counter(uint32_t device, int column, int index, double t) {
    uint64_t base = (uint64_t)device * 1000003u + (uint64_t)column * 10007u + index * 101u;
    uint64_t rate = 1000u + (device + column * 7u + index * 13u) % 90000u;
    if (column == 106 || column == 110) return base + (uint64_t)(rate * t); /* octets: 10^15 */
    if (column >= 100) return (base >> 8) + (uint64_t)(rate / 500 * t);     /* packets: 10^13 */
    return (base + (uint64_t)(rate % 100u * t)) & 0xffffffffu;
}

static uint64_t number(const struct entry *e, uint32_t device, double t) {
    switch (e->column) {
    case -3: return (uint64_t)(t * 100) + 100000;
    case -4: return 4321;
    case 1: return e->index;
    case 3: return 6;
    case 5: return 1000000000u;
    case 7: case 8: return 1;
    case 115: return 1000;
    case 119: return 0;
    }
    if (e->column <= -1000) return -(e->column + 1000);
    return counter(device, e->column, e->index, t);
}

static int put_value(unsigned char *out, const struct entry *e, uint32_t device, double t) {
    char text[64];
    int n;
    out[0] = e->tag;
    if (e->kind == OID_VALUE) {
        out[1] = sizeof OBJECT_ID;
        memcpy(out + 2, OBJECT_ID, sizeof OBJECT_ID);
        return 2 + sizeof OBJECT_ID;
    }
    if (e->kind == TEXT) {
        if (e->column == 118) n = snprintf(text, sizeof text, "To unit %d line %u", e->index, device & 0xffff);
        else if (e->column >= 100 || e->column == 2) n = snprintf(text, sizeof text, "GigabitEthernet0/0/%d", e->index);
        else n = snprintf(text, sizeof text, "bench agent %u", device & 0xffff);
        out[1] = n;
        memcpy(out + 2, text, n);
        return 2 + n;
    }
    uint64_t v = number(e, device, t);
    n = 1;
    while (n < 8 && v >> (8 * n)) n++;
    int pad = (v >> (8 * n - 1)) & 1;
    out[1] = n + pad;
    if (pad) out[2] = 0;
    for (int i = 0; i < n; i++) out[2 + pad + i] = v >> (8 * (n - 1 - i));
    return 2 + pad + n;
}

static int put_varbind(unsigned char *out, const unsigned char *oid, int oid_len, const struct entry *e,
                       int exception, uint32_t device, double t) {
    int n;
    out[0] = 0x30;
    out[2] = 6;
    out[3] = oid_len;
    memcpy(out + 4, oid, oid_len);
    if (e) n = put_value(out + 4 + oid_len, e, device, t);
    else { out[4 + oid_len] = exception; out[5 + oid_len] = 0; n = 2; }
    out[1] = 2 + oid_len + n;
    return 4 + oid_len + n;
}

static int next_of(const unsigned char *oid, int n) {
    int low = 0, high = entries;
    while (low < high) {
        int mid = (low + high) / 2;
        if (compare(table[mid].oid, table[mid].oid_len, oid, n) <= 0) low = mid + 1;
        else high = mid;
    }
    return low;
}

static const unsigned char *open_tlv(const unsigned char *p, const unsigned char *end, int *tag, int *len) {
    if (p + 2 > end) return NULL;
    *tag = *p++;
    *len = *p++;
    if (*len & 0x80) {
        int n = *len & 0x7f;
        if (n > 2 || p + n > end) return NULL;
        for (*len = 0; n; n--) *len = *len << 8 | *p++;
    }
    return p + *len > end ? NULL : p;
}

static int integer(const unsigned char *p, int n) {
    int v = 0;
    while (n--) v = v << 8 | *p++;
    return v;
}

static int put_length3(unsigned char *out, int tag, int n) {
    out[0] = tag; out[1] = 0x82; out[2] = n >> 8; out[3] = n;
    return 4;
}

struct asked { const unsigned char *oid; int len; int at; };

static int answer(const unsigned char *in, int in_len, unsigned char *out, uint32_t device) {
    static unsigned char list[65536];
    static struct asked asked[256];
    const unsigned char *end = in + in_len, *p, *community, *id, *oid;
    int tag, len, community_len, pdu, id_len, first, second, count = 0, size = 0;
    double t = now_s();

    if (!(p = open_tlv(in, end, &tag, &len)) || tag != 0x30) return 0;
    if (!(p = open_tlv(p, end, &tag, &len)) || len != 1 || *p != 1) return 0;
    p += len;
    if (!(community = open_tlv(p, end, &tag, &community_len)) || tag != 4) return 0;
    p = community + community_len;
    if (community_len != 6 || memcmp(community, "public", 6)) return 0;
    if (!(p = open_tlv(p, end, &pdu, &len))) return 0;
    if (!(id = open_tlv(p, end, &tag, &id_len))) return 0;
    p = id + id_len;
    if (!(p = open_tlv(p, end, &tag, &len))) return 0;
    first = integer(p, len);
    p += len;
    if (!(p = open_tlv(p, end, &tag, &len))) return 0;
    second = integer(p, len);
    p += len;
    if (!(p = open_tlv(p, end, &tag, &len))) return 0;
    while (p < end && count < 256) {
        const unsigned char *vb = open_tlv(p, end, &tag, &len);
        if (!vb) return 0;
        p = vb + len;
        if (!(oid = open_tlv(vb, p, &tag, &len)) || tag != 6) return 0;
        asked[count++] = (struct asked){oid, len, -1};
    }
    int repeaters = pdu == 0xa5 ? count - first : 0, plain = count - repeaters, stop = 0;
    for (int i = 0; i < plain; i++) {
        int at = next_of(asked[i].oid, asked[i].len);
        if (pdu == 0xa0) {
            int hit = at > 0 && !compare(table[at - 1].oid, table[at - 1].oid_len, asked[i].oid, asked[i].len);
            size += put_varbind(list + size, asked[i].oid, asked[i].len, hit ? &table[at - 1] : NULL, 0x81, device, t);
        } else if (at < entries) size += put_varbind(list + size, table[at].oid, table[at].oid_len, &table[at], 0, device, t);
        else size += put_varbind(list + size, asked[i].oid, asked[i].len, NULL, 0x82, device, t);
    }
    for (int r = 0; r < second && repeaters && !stop; r++)
        for (int i = plain; i < count; i++) {
            int at = asked[i].at = asked[i].at < 0 ? next_of(asked[i].oid, asked[i].len) : asked[i].at + 1;
            int n = at < entries ? put_varbind(list + size, table[at].oid, table[at].oid_len, &table[at], 0, device, t)
                                 : put_varbind(list + size, asked[i].oid, asked[i].len, NULL, 0x82, device, t);
            if (at >= entries) asked[i].at = entries;
            if (size + n + 48 > ANSWER_MAX) { stop = 1; break; }
            size += n;
        }
    int status = size + 48 > ANSWER_MAX ? 1 : 0; /* tooBig; a GETBULK was cut above instead */
    if (status) size = 0;
    unsigned char *o = out;
    int pdu_len = 2 + id_len + 6 + 4 + size, total = 3 + 2 + community_len + 4 + pdu_len;
    o += put_length3(o, 0x30, total);
    memcpy(o, "\x02\x01\x01\x04", 4); o += 4;
    *o++ = community_len;
    memcpy(o, community, community_len); o += community_len;
    o += put_length3(o, 0xa2, pdu_len);
    *o++ = 2; *o++ = id_len;
    memcpy(o, id, id_len); o += id_len;
    memcpy(o, "\x02\x01\x00\x02\x01\x00", 6);
    o[2] = status;
    o += 6;
    o += put_length3(o, 0x30, size);
    memcpy(o, list, size);
    return o - out + size;
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    int dead_every = atoi(argv[3]), on = 1, buffer = 32 << 20;
    build(atoi(argv[2]));
    clock_gettime(CLOCK_MONOTONIC, &started);
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    setsockopt(s, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    if (setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer))
        setsockopt(s, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    if (bind(s, (struct sockaddr *)&local, sizeof local)) { perror("bind"); return 1; }
    puts("ready");
    fflush(stdout);
    for (;;) {
        unsigned char in[4096], out[4096];
        char control[256];
        struct sockaddr_in from;
        struct iovec io = {in, sizeof in};
        struct msghdr m = {&from, sizeof from, &io, 1, control, sizeof control, 0};
        int n = recvmsg(s, &m, 0);
        if (n <= 0) continue;
        uint32_t device = 0;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
            if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
                struct in_pktinfo *info = (struct in_pktinfo *)CMSG_DATA(c);
                device = ntohl(info->ipi_addr.s_addr);
                info->ipi_spec_dst = info->ipi_addr;
                info->ipi_ifindex = 0;
            }
        if (dead_every && (device & 0xffff) % dead_every == 0) continue;
        n = answer(in, n, out, device);
        if (!n) continue;
        io = (struct iovec){out, n};
        m = (struct msghdr){&from, sizeof from, &io, 1, control, m.msg_controllen, 0};
        sendmsg(s, &m, 0);
    }
}
