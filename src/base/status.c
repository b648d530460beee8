/* Status codes and the one message that belongs to a failure; see status.h. */
#include "base/status.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

enum { MESSAGE_BYTES = 2048 };

/* The error sink: written under the lock, read by the main thread after the workers are done. */
static struct {
    pthread_mutex_t lock;
    char message[MESSAGE_BYTES];
} sink = {.lock = PTHREAD_MUTEX_INITIALIZER};

tal_status tal_fail(tal_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    pthread_mutex_lock(&sink.lock);
    if (sink.message[0] == '\0')
        (void)vsnprintf(sink.message, sizeof(sink.message), format, arguments); /* May truncate. */
    pthread_mutex_unlock(&sink.lock);
    va_end(arguments);
    return status;
}

const char *tal_status_message(void)
{
    return sink.message;
}

void tal_status_set_message(const char *message)
{
    pthread_mutex_lock(&sink.lock);
    (void)snprintf(sink.message, sizeof(sink.message), "%s", message); /* May truncate. */
    pthread_mutex_unlock(&sink.lock);
}

void tal_status_clear(void)
{
    pthread_mutex_lock(&sink.lock);
    sink.message[0] = '\0';
    pthread_mutex_unlock(&sink.lock);
}

int tal_status_exit_code(tal_status status)
{
    static const int codes[TAL_STATUS_COUNT] = {
        [TAL_OK] = 0,
        [TAL_ERR_INCOMPLETE] = 75,
        [TAL_ERR_USAGE] = 64,
        [TAL_ERR_CONFIG] = 78,
        [TAL_ERR_NO_INPUT] = 66,
        [TAL_ERR_DATA] = 65,
        [TAL_ERR_OUTPUT] = 73,
        [TAL_ERR_IO] = 74,
        [TAL_ERR_MEMORY] = 71,
        [TAL_ERR_INTERNAL] = 70,
    };
    return codes[status];
}
