/* The recipe's loop in C: append 2300 bytes to a preallocated file and fdatasync, one after the other.
 * Prints the time of each fdatasync in nanoseconds. Arguments: folder, count. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

int main(int argc, char **argv) {
    static char record[2300];
    long count = argc > 2 ? atol(argv[2]) : 2000;
    int file = open(argv[1], O_RDWR | O_TMPFILE, 0600);
    if (file < 0 || posix_fallocate(file, 0, count * sizeof record)) return 1;
    for (long number = 0; number < count; number++) {
        if (pwrite(file, record, sizeof record, number * sizeof record) < 0) return 1;
        long long begun = now();
        if (fdatasync(file)) return 1;
        printf("%lld\n", now() - begun);
    }
    return 0;
}
