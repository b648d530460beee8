/* The device of a run, as [parallel.gpu] of the configuration says. */
#ifndef TAL_APP_GPU_H
#define TAL_APP_GPU_H

#include "app/command.h"
#include "device/device.h"

/* Open the device where use_gpu is set. Where it is not, or none opens (said in the log),
 * *out_device is NULL: a search goes on without. Collective: ranks of a node share its devices; not
 * agreed. Threads: main, with no other that reads the environment (device.h).
 * TAL_ERR_CONFIG: a variable holds no number. */
tal_status tal_gpu_open(const tal_run *run, int gap_open, int gap_extend, int code_count,
                        tal_device **out_device);

/* Open the device whatever use_gpu says; one rank alone. TAL_ERR_CONFIG: there is none. */
tal_status tal_gpu_open_for_bench(const tal_run *run, int gap_open, int gap_extend, int code_count,
                                  tal_device **out_device);

/* Append what devices this machine has, and which one would be used. */
tal_status tal_gpu_append_report(const tal_run *run, tal_buffer *text);

#endif
