/* Ranks that need no network: all on one node, or one that no launcher started. */
#ifndef TAL_APP_ALONE_H
#define TAL_APP_ALONE_H

/* Before MPI_Init: tell Open MPI not to look for networks where the launcher says that all ranks
 * are on this node (mpirun with two ranks: 0.3 s instead of 0.5), and to start no daemon either
 * where no launcher is seen (0.06 s instead of 0.4). What the user's environment says goes first;
 * other MPI libraries do not notice. A launcher that is not known here only loses its fast network.
 */
void tal_alone_begin(void);

/* After MPI_Finalize: remove what tal_alone_begin left on disk. */
void tal_alone_end(void);

#endif
