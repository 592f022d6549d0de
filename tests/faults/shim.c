/* Between SQLite and the disk: once armed, the n-th call on a file whose path holds a given word fails, and as many
 * after it as are asked for. Preloaded (LD_PRELOAD), armed by ctypes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static char word[PATH_MAX];
static long until = -1, failing = 0, seen = 0;
static int with_errno = EIO;

void vigie_arm(const char *path_word, long nth, long count, int error) {
    strncpy(word, path_word, sizeof word - 1);
    until = nth;
    failing = count;
    with_errno = error;
    seen = 0;
}

long vigie_seen(void) { return seen; }

static int fails(const char *path) {
    if (until < 0 || !strstr(path, word)) return 0;
    seen++;
    if (seen < until || seen >= until + failing) return 0;
    errno = with_errno;
    return 1;
}

static int fails_at(int fd) {
    char link[64], path[PATH_MAX];
    if (until < 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    return fails(path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at) {
    return fails_at(fd) ? -1 : REAL(pwrite64)(fd, data, n, at);
}
ssize_t pwrite(int fd, const void *data, size_t n, off_t at) {
    return fails_at(fd) ? -1 : REAL(pwrite)(fd, data, n, at);
}
ssize_t write(int fd, const void *data, size_t n) { return fails_at(fd) ? -1 : REAL(write)(fd, data, n); }
int fsync(int fd) { return fails_at(fd) ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return fails_at(fd) ? -1 : REAL(fdatasync)(fd); }
int ftruncate64(int fd, off64_t n) { return fails_at(fd) ? -1 : REAL(ftruncate64)(fd, n); }
int ftruncate(int fd, off_t n) { return fails_at(fd) ? -1 : REAL(ftruncate)(fd, n); }
int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    int mode = va_arg(rest, int);
    va_end(rest);
    return fails(path) ? -1 : REAL(open64)(path, flags, mode);
}
