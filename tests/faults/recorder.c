/* Between a store and its disk: everything that is done to files below a folder is also written into a log, in order,
 * so that the disks a power cut may leave can be made from it. Preloaded (LD_PRELOAD), begun by ctypes.
 * A record: kind (1 byte), offset (8), length of path and of data (8 each), path, data; in this machine's byte order. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static char folder[PATH_MAX];
static int log_fd = -1;
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void put(const void *data, size_t n) {
    while (n) {
        ssize_t done = REAL(write)(log_fd, data, n);
        if (done <= 0) _exit(70);
        data = (const char *)data + done;
        n -= done;
    }
}

static void note(char kind, const char *path, int64_t at, const void *data, uint64_t n) {
    if (log_fd < 0 || (kind != 'm' && strncmp(path, folder, strlen(folder)))) return;
    uint64_t sizes[2] = {strlen(path), n};
    pthread_mutex_lock(&one_at_a_time);
    put(&kind, 1);
    put(&at, 8);
    put(sizes, 16);
    put(path, sizes[0]);
    put(data, n);
    pthread_mutex_unlock(&one_at_a_time);
}

static void note_fd(char kind, int fd, int64_t at, const void *data, uint64_t n) {
    char link[64], path[PATH_MAX];
    if (log_fd < 0 || fd == log_fd) return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return;
    path[size] = 0;
    note(kind, path, at, data, n);
}

void vigie_record(const char *folder_path, const char *log_path) {
    strncpy(folder, folder_path, sizeof folder - 1);
    log_fd = REAL(open64)(log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

/* Something was promised now. */
void vigie_mark(const char *text) { note('m', "", 0, text, strlen(text)); }

ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at) {
    ssize_t done = REAL(pwrite64)(fd, data, n, at);
    if (done > 0) note_fd('w', fd, at, data, done);
    return done;
}
ssize_t pwrite(int fd, const void *data, size_t n, off_t at) { return pwrite64(fd, data, n, at); }
ssize_t write(int fd, const void *data, size_t n) {
    off_t at = lseek(fd, 0, SEEK_CUR);
    ssize_t done = REAL(write)(fd, data, n);
    if (done > 0 && at >= 0) note_fd('w', fd, at, data, done);
    return done;
}
int ftruncate64(int fd, off64_t n) {
    int result = REAL(ftruncate64)(fd, n);
    if (!result) note_fd('t', fd, n, "", 0);
    return result;
}
int ftruncate(int fd, off_t n) { return ftruncate64(fd, n); }
int fsync(int fd) {
    int result = REAL(fsync)(fd);
    if (!result) note_fd('s', fd, 0, "", 0);
    return result;
}
int fdatasync(int fd) {
    int result = REAL(fdatasync)(fd);
    if (!result) note_fd('s', fd, 0, "", 0);
    return result;
}
int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    int mode = va_arg(rest, int);
    va_end(rest);
    int made = (flags & O_CREAT) && access(path, F_OK) != 0;
    int fd = REAL(open64)(path, flags, mode);
    if (fd >= 0 && made) note_fd('c', fd, 0, "", 0);
    if (fd >= 0 && (flags & O_TRUNC)) note_fd('t', fd, 0, "", 0);
    return fd;
}
int unlink(const char *path) {
    int result = REAL(unlink)(path);
    if (!result) note('u', path, 0, "", 0);
    return result;
}
int rename(const char *from, const char *to) {
    int result = REAL(rename)(from, to);
    if (!result) note('r', from, 0, to, strlen(to));
    return result;
}
int mkdir(const char *path, mode_t mode) {
    int result = REAL(mkdir)(path, mode);
    if (!result) note('d', path, 0, "", 0);
    return result;
}
