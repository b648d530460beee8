/* A rank that no launcher started: Open MPI's start for it alone. */
#ifndef TAL_APP_ALONE_H
#define TAL_APP_ALONE_H

/* Before MPI_Init: where no launcher is seen, tell Open MPI to start neither a daemon nor networks
 * (0.06 s instead of 0.4). What the user's environment says goes first; other MPI libraries do not
 * notice. A launcher that is not known here only loses its fast network. */
void tal_alone_begin(void);

/* After MPI_Finalize: remove what tal_alone_begin left on disk. */
void tal_alone_end(void);

#endif
