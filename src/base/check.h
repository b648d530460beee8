/* Assertions: our own mistakes stop the program with file, line and condition, in release too. */
#ifndef TAL_BASE_CHECK_H
#define TAL_BASE_CHECK_H

/* Prints and aborts. */
void tal_check_failed(const char *file, int line, const char *condition) __attribute__((noreturn));

#define TAL_ASSERT(condition) \
    ((condition) ? (void)0 : tal_check_failed(__FILE__, __LINE__, #condition))

#endif
