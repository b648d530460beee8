/* Status codes and the one message that belongs to a failure.
 *
 * Three kinds of trouble, three answers: our own mistake is TAL_ASSERT (base/check.h), the world's
 * failure is a tal_status, an ordinary outcome is a value in the result.
 */
#ifndef TAL_BASE_STATUS_H
#define TAL_BASE_STATUS_H

/* Ordered by severity: agreeing on the worst status over ranks takes the maximum. */
typedef enum tal_status {
    TAL_OK = 0,
    TAL_ERR_INCOMPLETE, /* stopped on request; the same command ends it */
    TAL_ERR_USAGE,      /* the command line is wrong */
    TAL_ERR_CONFIG,     /* the configuration file is wrong */
    TAL_ERR_NO_INPUT,   /* an input cannot be opened */
    TAL_ERR_DATA,       /* an input was read and is not what it should be */
    TAL_ERR_OUTPUT,     /* an output cannot be created (exists, no directory, no permission) */
    TAL_ERR_IO,         /* reading or writing failed half-way (disk full, device error) */
    TAL_ERR_MEMORY,     /* out of memory */
    TAL_ERR_INTERNAL,   /* a library refused what must work */
    TAL_STATUS_COUNT
} tal_status;

/* Record the message of a failure and return `status`.
 *
 * The first failure since the last tal_status_clear keeps its message; later ones (its
 * consequences) are dropped. `format` is as for printf; lower case, names in 'quotes', and what to
 * do. Threads: any. */
tal_status tal_fail(tal_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The recorded message, or "" when nothing failed. Valid until tal_status_clear. */
const char *tal_status_message(void);

/* Replace the recorded message: used where a failure of another rank becomes this rank's. */
void tal_status_set_message(const char *message);

/* Forget the recorded message. */
void tal_status_clear(void);

/* The process exit code of a status; sysexits.h where it has one. See docs/exit-codes in README. */
int tal_status_exit_code(tal_status status);

#endif
