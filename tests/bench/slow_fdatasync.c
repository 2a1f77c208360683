/* Test double for a disk: fdatasync takes a known time and reaches no disk.
 * SLOW_EVERY=n: each nth call takes SLOW_MS, the others FAST_US. For LD_PRELOAD. */
#include <stdlib.h>
#include <time.h>

static long number(const char *name, long otherwise) {
    const char *value = getenv(name);
    return value ? atol(value) : otherwise;
}

int fdatasync(int file) {
    static long calls;
    long every = number("SLOW_EVERY", 0);
    long us = every && ++calls % every == 0 ? number("SLOW_MS", 15) * 1000 : number("FAST_US", 300);
    struct timespec pause = {us / 1000000, us % 1000000 * 1000};
    (void)file;
    return nanosleep(&pause, 0);
}
