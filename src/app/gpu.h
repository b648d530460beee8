/* The device of a run, as [parallel.gpu] of the configuration says. */
#ifndef TAL_APP_GPU_H
#define TAL_APP_GPU_H

#include "app/command.h"
#include "device/device.h"

/* A device that a thread of its own opens, which takes a few tenths of a second. */
typedef struct tal_gpu_opening tal_gpu_opening;

/* Start to open the device where use_gpu is set; NULL in *out_opening where it is not. Collective:
 * ranks of a node share its devices; not agreed. TAL_ERR_CONFIG: a variable holds no number. */
tal_status tal_gpu_open_begin(const tal_run *run, int gap_open, int gap_extend, int code_count,
                              tal_gpu_opening **out_opening);

/* Wait for the device. Where none opens (said in the log), *out_device is NULL: a search goes on
 * without, as with NULL for `opening`, which is gone afterwards. */
tal_status tal_gpu_open_end(tal_gpu_opening *opening, tal_device **out_device);

/* Wait for the device and close it. Accepts NULL. */
void tal_gpu_open_abandon(tal_gpu_opening *opening);

/* Open the device whatever use_gpu says; one rank alone. TAL_ERR_CONFIG: there is none. */
tal_status tal_gpu_open_for_bench(const tal_run *run, int gap_open, int gap_extend, int code_count,
                                  tal_device **out_device);

/* Append what devices this machine has, and which one would be used. */
tal_status tal_gpu_append_report(const tal_run *run, tal_buffer *text);

#endif
