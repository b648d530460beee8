/* Run a function in a child process; see child.h. */
#include "child.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 60000 };

int child_run(void (*run)(void), char *out_text, size_t bytes)
{
    int ends[2];
    out_text[0] = '\0';
    (void)fflush(NULL);
    if (pipe(ends) != 0)
        return 255;
    pid_t child = fork();
    if (child < 0)
        return 255;
    if (child == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        (void)close(ends[0]);
        (void)close(ends[1]);
        run();
        _exit(0);
    }
    (void)close(ends[1]);
    size_t used = 0;
    for (;;) {
        struct pollfd wait = {.fd = ends[0], .events = POLLIN};
        char rest[4096];
        if (poll(&wait, 1, PATIENCE_MS) <= 0) {
            (void)kill(child, SIGKILL);
            break;
        }
        ssize_t count = read(ends[0], rest, sizeof(rest));
        if (count <= 0)
            break;
        size_t room = bytes - 1 - used;
        size_t kept = (size_t)count < room ? (size_t)count : room;
        memcpy(out_text + used, rest, kept);
        used += kept;
        out_text[used] = '\0';
    }
    (void)close(ends[0]);
    int status = 0;
    if (waitpid(child, &status, 0) != child)
        return 255;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
