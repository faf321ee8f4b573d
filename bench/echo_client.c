/* A client that keeps one message in flight on each of its connections to an echo server, and checks what comes back.
 *
 *     echo_client PORT CONNECTIONS SIZE SECONDS
 *
 * It prints: messages per second, and the median and the 99th percentile of their round trips in microseconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct connection {
    int file;
    size_t received;
    double sent_at;
};

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

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    int count = atoi(argv[2]);
    size_t size = (size_t)atoi(argv[3]);
    double seconds = atof(argv[4]);
    char *message = malloc(size), *answer = malloc(size);
    struct connection *connections = calloc((size_t)count, sizeof *connections);
    struct epoll_event events[256];
    size_t room = 1 << 22, done = 0;
    float *times = malloc(room * sizeof *times);
    for (size_t i = 0; i < size; i++) message[i] = (char)(i * 7 + 1);
    int poll = epoll_create1(0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < count; i++) {
        int file = socket(AF_INET, SOCK_STREAM, 0), one = 1;
        if (connect(file, (struct sockaddr *)&address, sizeof address)) fail("connect");
        setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct epoll_event wanted = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
        if (epoll_ctl(poll, EPOLL_CTL_ADD, file, &wanted)) fail("epoll_ctl");
        connections[i].file = file;
    }
    double start = now(), end = start + seconds;
    for (int i = 0; i < count; i++) {
        connections[i].sent_at = now();
        if (send(connections[i].file, message, size, MSG_NOSIGNAL) != (ssize_t)size) fail("send");
    }
    double moment = start;
    while (moment < end) {
        int ready = epoll_wait(poll, events, 256, 1000);
        if (ready == 0) {
            fprintf(stderr, "no answer for a second\n");
            return 1;
        }
        for (int i = 0; i < ready; i++) {
            struct connection *one = &connections[events[i].data.u32];
            ssize_t got = recv(one->file, answer + 0, size - one->received, 0);
            if (got <= 0) fail("recv");
            if (memcmp(answer, message + one->received, (size_t)got)) {
                fprintf(stderr, "other bytes came back\n");
                return 1;
            }
            one->received += (size_t)got;
            if (one->received < size) continue;
            moment = now();
            if (done < room) times[done] = (float)(moment - one->sent_at);
            done++;
            one->received = 0;
            one->sent_at = moment;
            if (send(one->file, message, size, MSG_NOSIGNAL) != (ssize_t)size) fail("send");
        }
    }
    size_t kept = done < room ? done : room;
    qsort(times, kept, sizeof *times, by_size);
    printf("%.0f %.1f %.1f\n", (double)done / (moment - start), times[kept / 2] * 1e6, times[kept * 99 / 100] * 1e6);
    return 0;
}
