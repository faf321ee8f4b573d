/* Many clients of a record server: each connects, asks some times with a pause after every answer, and connects anew.
 *
 *     server_client PORT CLIENTS SECONDS PER_CONNECTION PAUSE_US RECORDS SIZE
 *
 * A request is the number of a record, 8 bytes; the answer is the record: its number, then bytes that follow from it.
 * Time counts from the moment a client wants to ask, connecting included. A request that has no answer at the end counts
 * with the time it has waited.
 *
 * It prints: answers, seconds, the median and the 99th percentile in microseconds, clients that never got an answer.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct client {
    int file, left, answered;
    size_t received;
    uint64_t record;
    double asked_at;
};

static int epoll, per_connection;
static struct sockaddr_in address = {.sin_family = AF_INET};
static uint64_t records, chance = 88172645463325252ULL;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int by_size(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void ask(struct client *one, uint32_t number) {
    one->asked_at = now();
    if (one->file < 0) {
        int yes = 1;
        one->file = socket(AF_INET, SOCK_STREAM, 0);
        if (one->file < 0) fail("socket");
        if (connect(one->file, (struct sockaddr *)&address, sizeof address)) fail("connect");
        setsockopt(one->file, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        struct epoll_event wanted = {.events = EPOLLIN, .data.u32 = number};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, one->file, &wanted)) fail("epoll_ctl");
        one->left = per_connection;
    }
    chance ^= chance << 13, chance ^= chance >> 7, chance ^= chance << 17;
    one->record = chance % records;
    one->received = 0;
    if (send(one->file, &one->record, 8, MSG_NOSIGNAL) != 8) fail("send");
}

int main(int argc, char **argv) {
    if (argc != 8) return 2;
    uint32_t count = (uint32_t)atoi(argv[2]);
    double seconds = atof(argv[3]), pause = atof(argv[5]) * 1e-6;
    per_connection = atoi(argv[4]);
    records = (uint64_t)atoll(argv[6]);
    size_t size = (size_t)atoi(argv[7]), room = (1 << 22) + count, done = 0;
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    address.sin_port = htons((uint16_t)atoi(argv[1]));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    epoll = epoll_create1(0);

    struct client *clients = calloc(count, sizeof *clients);
    unsigned char *answer = malloc(size);
    float *times = malloc(room * sizeof *times);
    struct epoll_event events[256];
    struct pollfd any = {.fd = epoll, .events = POLLIN};
    /* Who pauses, in the order in which the pauses end: they are all of one length. */
    uint32_t *resting = malloc(count * sizeof *resting), first = 0, rest = 0;
    double *due = malloc(count * sizeof *due);

    double start = now(), moment = start;
    for (uint32_t i = 0; i < count; i++) {
        clients[i].file = -1;
        ask(&clients[i], i);
    }
    while ((moment = now()) < start + seconds || !done) {
        while (rest && due[first] <= moment) {
            uint32_t number = resting[first];
            first = (first + 1) % count, rest--;
            ask(&clients[number], number);
        }
        double wait = rest ? due[first] - now() : 10;
        struct timespec until = {(time_t)wait, (long)((wait - (double)(time_t)wait) * 1e9)};
        if (wait > 0 && ppoll(&any, 1, &until, NULL) == 0) {
            if (rest) continue;
            fprintf(stderr, "no answer for ten seconds\n");
            return 1;
        }
        int ready = epoll_wait(epoll, events, 256, 0);
        for (int i = 0; i < ready; i++) {
            uint32_t number = events[i].data.u32;
            struct client *one = &clients[number];
            ssize_t got = recv(one->file, answer + one->received, size - one->received, 0);
            if (got <= 0) fail("recv");
            one->received += (size_t)got;
            if (one->received < size) continue;
            moment = now();
            if (memcmp(answer, &one->record, 8)) return fprintf(stderr, "another record came\n"), 1;
            for (size_t k = 8; k < size; k++)
                if (answer[k] != (unsigned char)(one->record + k)) return fprintf(stderr, "other bytes came\n"), 1;
            if (done < room - count) times[done++] = (float)(moment - one->asked_at);
            one->answered = 1;
            if (--one->left == 0) close(one->file), one->file = -1;
            uint32_t place = (first + rest++) % count;
            resting[place] = number, due[place] = moment + pause;
            one->received = size;
        }
    }
    uint32_t never = 0;
    size_t kept = done;
    for (uint32_t i = 0; i < count; i++) {
        never += !clients[i].answered;
        if (clients[i].file >= 0 && clients[i].received < size) times[kept++] = (float)(moment - clients[i].asked_at);
    }
    qsort(times, kept, sizeof *times, by_size);
    printf("%zu %.6f %.1f %.1f %u\n", done, moment - start, times[kept / 2] * 1e6, times[kept * 99 / 100] * 1e6, never);
    return 0;
}
