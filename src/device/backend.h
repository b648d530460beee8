/* What a backend offers to device.c; internal to src/device.
 *
 * device.c checks arguments against the contract of device.h, counts batches in flight, injects
 * failures and remembers that a device is lost; a backend only does its work. Functions get the
 * device for backend_fail and their own `state`.
 */
#ifndef TAL_DEVICE_BACKEND_H
#define TAL_DEVICE_BACKEND_H

#include "device/device.h"

typedef struct tal_device_backend {
    tal_device_kind kind;
    /* Fill device->state and device->info (all but `kind`, `text`); on failure `close` is called
     * with what state there is. */
    tal_status (*open)(tal_device *device);
    void (*close)(tal_device *device); /* state may be NULL or half built */
    tal_status (*reserve)(tal_device *device, const tal_device_shape *shape);
    tal_status (*upload)(tal_device *device, const tal_device_references *references);
    tal_status (*submit)(tal_device *device, const tal_device_batch *batch);
    tal_status (*poll)(tal_device *device, bool *out_is_done);
    tal_status (*collect)(tal_device *device, tal_device_result *out_result);
} tal_device_backend;

struct tal_device {
    const tal_device_backend *backend;
    tal_device_params params;
    tal_device_info info;
    void *state; /* the backend's own */
    tal_device_shape shape;
    uint32_t ref_count;
    int in_flight;
    uint64_t submit_count;
    bool is_lost;
    char message[2 * TAL_DEVICE_TEXT_BYTES];
};

/* Record the cause in the device and return `status`. Backends return TAL_ERR_IO for a device that
 * no longer works, TAL_ERR_MEMORY for what does not fit, TAL_ERR_CONFIG for what is not there. */
tal_status tal_device_fail(tal_device *device, tal_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Which of device_count devices to take, by turn or by place (tal_device_params), or a failure when
 * there is no device device_idx. `addresses`: of the first TAL_DEVICES_MAX. */
tal_status tal_device_choose_idx(tal_device *device, int device_count,
                                 const tal_pci_address *addresses, int *out_idx);

/* The backends; where one is not built, its stub is. */
const tal_device_backend *tal_device_backend_host(void);
const tal_device_backend *tal_device_backend_opencl(void);
const tal_device_backend *tal_device_backend_cuda(void);

#endif
