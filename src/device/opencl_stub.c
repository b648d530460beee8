/* The OpenCL backend where it is not built. */
#include "device/backend.h"

static tal_status stub_open(tal_device *device)
{
    return tal_device_fail(device, TAL_ERR_CONFIG, "OpenCL: this program was built without it");
}

static void stub_close(tal_device *device)
{
    (void)device; /* Nothing was opened. */
}

const tal_device_backend *tal_device_backend_opencl(void)
{
    static const tal_device_backend backend = {
        .kind = TAL_DEVICE_OPENCL,
        .open = stub_open,
        .close = stub_close,
    };
    return &backend;
}
