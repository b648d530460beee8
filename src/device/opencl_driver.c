/* OpenCL, loaded at run time; see opencl_driver.h. The only file that knows its headers.
 *
 * Handles of the interface are OpenCL's own under other names. The library stays loaded: drivers
 * keep threads that do not survive its end.
 */
#include "device/opencl_driver.h"

#include "base/alloc.h"
#include "base/check.h"

#define CL_TARGET_OPENCL_VERSION 210
#include <CL/cl_icd.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

enum { DEVICES_MAX = TAL_DEVICES_MAX, PLATFORMS_MAX = 64, LOG_BYTES = 4096, LOG_SHOWN = 400 };

/* The functions used; the names are the library's. */
/* clang-format off */
#define FUNCTIONS(X) \
    X(clGetPlatformIDs) \
    X(clGetPlatformInfo) \
    X(clGetDeviceIDs) \
    X(clGetDeviceInfo) \
    X(clCreateContext) \
    X(clReleaseContext) \
    X(clCreateCommandQueue) \
    X(clReleaseCommandQueue) \
    X(clCreateBuffer) \
    X(clReleaseMemObject) \
    X(clCreateProgramWithSource) \
    X(clBuildProgram) \
    X(clGetProgramBuildInfo) \
    X(clReleaseProgram) \
    X(clCreateKernel) \
    X(clReleaseKernel) \
    X(clGetKernelWorkGroupInfo) \
    X(clSetKernelArg) \
    X(clEnqueueNDRangeKernel) \
    X(clEnqueueReadBuffer) \
    X(clEnqueueWriteBuffer) \
    X(clEnqueueFillBuffer) \
    X(clEnqueueMarkerWithWaitList) \
    X(clGetEventInfo) \
    X(clGetEventProfilingInfo) \
    X(clWaitForEvents) \
    X(clReleaseEvent) \
    X(clFlush) \
    X(clFinish)
/* clang-format on */

typedef struct library {
#define MEMBER(name) cl_api_##name name;
    FUNCTIONS(MEMBER)
#undef MEMBER
} library;

struct tal_cl {
    tal_device *device; /* for messages */
    library api;
    /* Of version 2.1; NULL in older libraries. */
    cl_api_clGetKernelSubGroupInfo sub_group_info;
    cl_device_id id;
    cl_context context;
    cl_command_queue queue;
    cl_program program;
    tal_cl_facts facts;
};

/* A driver call that failed: no room is one thing, all else means the device is lost. */
static tal_status refuse(tal_cl *cl, const char *call, cl_int error)
{
    if (error == CL_SUCCESS)
        return TAL_OK;
    bool is_memory = error == CL_MEM_OBJECT_ALLOCATION_FAILURE || error == CL_OUT_OF_HOST_MEMORY ||
                     error == CL_INVALID_BUFFER_SIZE;
    return tal_device_fail(cl->device, is_memory ? TAL_ERR_MEMORY : TAL_ERR_IO,
                           "opencl: %s failed with error %d on '%s'", call, (int)error,
                           cl->device->info.name);
}

static tal_status load_library(tal_cl *cl)
{
    void *handle = dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        return tal_device_fail(cl->device, TAL_ERR_CONFIG, "opencl: cannot load its library: %s",
                               dlerror());
    bool is_complete = true;
#define FIND(name)                                                             \
    {                                                                          \
        void *symbol = dlsym(handle, #name);                                   \
        is_complete = is_complete && symbol != NULL;                           \
        memcpy(&cl->api.name, &symbol, sizeof(symbol)); /* data to function */ \
    }
    FUNCTIONS(FIND)
#undef FIND
    void *symbol = dlsym(handle, "clGetKernelSubGroupInfo");
    memcpy(&cl->sub_group_info, &symbol, sizeof(symbol));
    if (!is_complete)
        return tal_device_fail(cl->device, TAL_ERR_CONFIG,
                               "opencl: libOpenCL.so.1 is older than version 1.2");
    return TAL_OK;
}

/* The devices of one kind; none is no failure. */
static cl_uint list_devices(const tal_cl *cl, cl_platform_id platform, cl_device_type type,
                            cl_device_id ids[DEVICES_MAX])
{
    cl_uint count = 0;
    if (cl->api.clGetDeviceIDs(platform, type, DEVICES_MAX, ids, &count) != CL_SUCCESS)
        return 0;
    return count < DEVICES_MAX ? count : DEVICES_MAX;
}

/* Where a device is on the bus: by the extension of all, or NVIDIA's own. */
static tal_pci_address find_address(const tal_cl *cl, cl_device_id id)
{
    enum { PCI_BUS_INFO = 0x410F, NV_BUS = 0x4008, NV_SLOT = 0x4009 };
    cl_uint khr[4]; /* domain, bus, device, function */
    cl_uint bus, slot;
    if (cl->api.clGetDeviceInfo(id, PCI_BUS_INFO, sizeof(khr), khr, NULL) == CL_SUCCESS)
        return (tal_pci_address){(int)khr[0], (int)khr[1], (int)khr[2]};
    if (cl->api.clGetDeviceInfo(id, NV_BUS, sizeof(bus), &bus, NULL) == CL_SUCCESS &&
        cl->api.clGetDeviceInfo(id, NV_SLOT, sizeof(slot), &slot, NULL) == CL_SUCCESS)
        return (tal_pci_address){0, (int)bus, (int)(slot >> 3)}; /* slot: device and function */
    return (tal_pci_address){.bus = -1};
}

/* Graphics processors and accelerators; processors only where the platform has nothing else. */
static tal_status choose_device(tal_cl *cl, cl_platform_id *out_platform)
{
    tal_device *device = cl->device;
    cl_platform_id platforms[PLATFORMS_MAX];
    cl_uint platform_count = 0;
    cl_int error = cl->api.clGetPlatformIDs(PLATFORMS_MAX, platforms, &platform_count);
    if (error != CL_SUCCESS || platform_count == 0)
        return tal_device_fail(device, TAL_ERR_CONFIG,
                               "opencl: no platform found: no driver is installed");
    platform_count = platform_count < PLATFORMS_MAX ? platform_count : PLATFORMS_MAX;
    int wanted = device->params.opencl_platform;
    if (wanted < 0 || (cl_uint)wanted >= platform_count)
        return tal_device_fail(device, TAL_ERR_CONFIG,
                               "opencl: there is no platform %d, only 0 to %d; change "
                               "opencl_platform",
                               wanted, (int)platform_count - 1);
    cl_device_id ids[DEVICES_MAX];
    cl_uint count =
        list_devices(cl, platforms[wanted], CL_DEVICE_TYPE_GPU | CL_DEVICE_TYPE_ACCELERATOR, ids);
    if (count == 0)
        count = list_devices(cl, platforms[wanted], CL_DEVICE_TYPE_ALL, ids);
    tal_pci_address addresses[DEVICES_MAX];
    for (cl_uint i = 0; i < count; i++)
        addresses[i] = find_address(cl, ids[i]);
    int idx;
    tal_status status = tal_device_choose_idx(device, (int)count, addresses, &idx);
    if (status != TAL_OK)
        return status;
    cl->id = ids[idx];
    *out_platform = platforms[wanted];
    return TAL_OK;
}

/* One fact; stays 0 where the driver does not know it. */
static void ask(const tal_cl *cl, cl_device_info what, size_t bytes, void *out_value)
{
    memset(out_value, 0, bytes);
    (void)cl->api.clGetDeviceInfo(cl->id, what, bytes, out_value, NULL);
}

/* Whether the device has this extension; the list is words between spaces. */
static bool has_extension(const tal_cl *cl, const char *name)
{
    size_t bytes = 0;
    if (cl->api.clGetDeviceInfo(cl->id, CL_DEVICE_EXTENSIONS, 0, NULL, &bytes) != CL_SUCCESS)
        return false;
    char *list = tal_alloc_zero(bytes + 2);
    if (list == NULL)
        return false; /* There is a way without any extension. */
    ask(cl, CL_DEVICE_EXTENSIONS, bytes, list);
    list[strlen(list)] = ' '; /* One byte was added for it. */
    size_t len = strlen(name);
    bool is_found = false;
    for (const char *at = list; (at = strstr(at, name)) != NULL && !is_found; at += len)
        is_found = (at == list || at[-1] == ' ') && at[len] == ' ';
    tal_free(list);
    return is_found;
}

static void read_facts(tal_cl *cl, cl_platform_id platform)
{
    tal_device_info *info = &cl->device->info;
    cl_uint units;
    cl_ulong memory, allocation, local;
    cl_device_type type;
    cl_bool has_compiler;
    char version[512] = "";
    ask(cl, CL_DEVICE_NAME, sizeof(info->name), info->name);
    info->name[sizeof(info->name) - 1] = '\0';
    ask(cl, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof(units), &units);
    ask(cl, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof(memory), &memory);
    ask(cl, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof(allocation), &allocation);
    ask(cl, CL_DEVICE_LOCAL_MEM_SIZE, sizeof(local), &local);
    ask(cl, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof(cl->facts.group_size_max),
        &cl->facts.group_size_max);
    ask(cl, CL_DEVICE_TYPE, sizeof(type), &type);
    ask(cl, CL_DEVICE_COMPILER_AVAILABLE, sizeof(has_compiler), &has_compiler);
    (void)cl->api.clGetPlatformInfo(platform, CL_PLATFORM_VERSION, sizeof(version) - 1, version,
                                    NULL); /* Stays empty on failure. */
    (void)snprintf(info->platform, sizeof(info->platform), "%.*s", (int)sizeof(info->platform) - 1,
                   version);
    cl->facts.memory_bytes = memory;
    cl->facts.allocation_bytes_max = allocation;
    cl->facts.local_bytes = local;
    cl->facts.unit_count = (int)units;
    cl->facts.is_cpu = (type & CL_DEVICE_TYPE_CPU) != 0;
    cl->facts.has_compiler = has_compiler != CL_FALSE;
    int major = 1;
    int minor = 2;
    char language[128] = "";
    ask(cl, CL_DEVICE_OPENCL_C_VERSION, sizeof(language) - 1, language);
    if (sscanf(language, "OpenCL C %d.%d", &major, &minor) == 2)
        cl->facts.version = 10 * major + minor;
    cl->facts.has_sub_groups = cl->facts.version >= 20 && cl->sub_group_info != NULL &&
                               has_extension(cl, "cl_khr_subgroups") &&
                               has_extension(cl, "cl_khr_subgroup_shuffle_relative");
}

tal_status tal_cl_open(tal_device *device, tal_cl **out_cl)
{
    tal_cl *cl = tal_alloc_zero(sizeof(*cl));
    if (cl == NULL)
        return tal_device_fail(device, TAL_ERR_MEMORY, "opencl: out of memory");
    *out_cl = cl;
    cl->device = device;
    tal_status status = load_library(cl);
    if (status != TAL_OK)
        return status;
    cl_platform_id platform;
    status = choose_device(cl, &platform);
    if (status != TAL_OK)
        return status;
    read_facts(cl, platform);
    cl_int error;
    cl->context = cl->api.clCreateContext(NULL, 1, &cl->id, NULL, NULL, &error);
    if (error != CL_SUCCESS)
        return refuse(cl, "clCreateContext", error);
    cl->queue =
        cl->api.clCreateCommandQueue(cl->context, cl->id, CL_QUEUE_PROFILING_ENABLE, &error);
    return refuse(cl, "clCreateCommandQueue", error);
}

/* Releases have no use for a failure: what they release is gone either way. */
void tal_cl_close(tal_cl *cl)
{
    if (cl == NULL)
        return;
    if (cl->program != NULL)
        (void)cl->api.clReleaseProgram(cl->program);
    if (cl->queue != NULL)
        (void)cl->api.clReleaseCommandQueue(cl->queue);
    if (cl->context != NULL)
        (void)cl->api.clReleaseContext(cl->context);
    tal_free(cl);
}

const tal_cl_facts *tal_cl_facts_get(const tal_cl *cl)
{
    return &cl->facts;
}

tal_status tal_cl_build(tal_cl *cl, const char *source, const char *options)
{
    cl_int error;
    if (cl->program != NULL)
        (void)cl->api.clReleaseProgram(cl->program);
    cl->program = cl->api.clCreateProgramWithSource(cl->context, 1, &source, NULL, &error);
    if (error != CL_SUCCESS)
        return refuse(cl, "clCreateProgramWithSource", error);
    error = cl->api.clBuildProgram(cl->program, 1, &cl->id, options, NULL, NULL);
    if (error == CL_SUCCESS)
        return TAL_OK;
    char *log = tal_alloc_zero(LOG_BYTES);
    size_t bytes = 0;
    if (log != NULL)
        (void)cl->api.clGetProgramBuildInfo(cl->program, cl->id, CL_PROGRAM_BUILD_LOG,
                                            LOG_BYTES - 1, log, &bytes);
    tal_status status = tal_device_fail(
        cl->device, TAL_ERR_INTERNAL, "opencl: '%s' cannot compile the kernels (error %d): %.*s",
        cl->device->info.name, (int)error, LOG_SHOWN, log == NULL ? "" : log);
    tal_free(log);
    return status;
}

tal_status tal_cl_kernel_create(tal_cl *cl, const char *name, tal_cl_kernel **out_kernel,
                                size_t *out_group_size_max, uint64_t *out_local_bytes)
{
    cl_int error;
    cl_kernel kernel = cl->api.clCreateKernel(cl->program, name, &error);
    if (error != CL_SUCCESS)
        return refuse(cl, "clCreateKernel", error);
    *out_kernel = (tal_cl_kernel *)kernel;
    error = cl->api.clGetKernelWorkGroupInfo(kernel, cl->id, CL_KERNEL_WORK_GROUP_SIZE,
                                             sizeof(*out_group_size_max), out_group_size_max, NULL);
    cl_ulong local = 0;
    if (error == CL_SUCCESS)
        error = cl->api.clGetKernelWorkGroupInfo(kernel, cl->id, CL_KERNEL_LOCAL_MEM_SIZE,
                                                 sizeof(local), &local, NULL);
    *out_local_bytes = local;
    return refuse(cl, "clGetKernelWorkGroupInfo", error);
}

size_t tal_cl_sub_group_size(tal_cl *cl, tal_cl_kernel *kernel, size_t group_size)
{
    size_t size = 0;
    if (cl->sub_group_info == NULL ||
        cl->sub_group_info((cl_kernel)kernel, cl->id, CL_KERNEL_MAX_SUB_GROUP_SIZE_FOR_NDRANGE,
                           sizeof(group_size), &group_size, sizeof(size), &size,
                           NULL) != CL_SUCCESS)
        return 0;
    return size;
}

void tal_cl_kernel_destroy(tal_cl *cl, tal_cl_kernel *kernel)
{
    if (kernel != NULL)
        (void)cl->api.clReleaseKernel((cl_kernel)kernel);
}

tal_status tal_cl_memory_create(tal_cl *cl, uint64_t bytes, tal_cl_memory **out_memory)
{
    if (bytes > cl->facts.allocation_bytes_max)
        return tal_device_fail(cl->device, TAL_ERR_MEMORY,
                               "opencl: %llu MiB in one piece are needed and '%s' gives %llu",
                               (unsigned long long)(bytes >> 20), cl->device->info.name,
                               (unsigned long long)(cl->facts.allocation_bytes_max >> 20));
    cl_int error;
    cl_mem memory = cl->api.clCreateBuffer(cl->context, CL_MEM_READ_WRITE,
                                           bytes < 16 ? 16 : (size_t)bytes, NULL, &error);
    if (error != CL_SUCCESS)
        return refuse(cl, "clCreateBuffer", error);
    *out_memory = (tal_cl_memory *)memory;
    return TAL_OK;
}

void tal_cl_memory_destroy(tal_cl *cl, tal_cl_memory *memory)
{
    if (memory != NULL)
        (void)cl->api.clReleaseMemObject((cl_mem)memory);
}

tal_status tal_cl_write(tal_cl *cl, tal_cl_memory *memory, const void *data, uint64_t bytes)
{
    if (bytes == 0)
        return TAL_OK;
    return refuse(cl, "clEnqueueWriteBuffer",
                  cl->api.clEnqueueWriteBuffer(cl->queue, (cl_mem)memory, CL_FALSE, 0,
                                               (size_t)bytes, data, 0, NULL, NULL));
}

tal_status tal_cl_read(tal_cl *cl, tal_cl_memory *memory, void *data, uint64_t bytes, bool waits)
{
    if (bytes == 0)
        return TAL_OK;
    return refuse(cl, "clEnqueueReadBuffer",
                  cl->api.clEnqueueReadBuffer(cl->queue, (cl_mem)memory, waits ? CL_TRUE : CL_FALSE,
                                              0, (size_t)bytes, data, 0, NULL, NULL));
}

tal_status tal_cl_clear(tal_cl *cl, tal_cl_memory *memory, uint64_t bytes)
{
    const cl_uint zero = 0;
    return refuse(cl, "clEnqueueFillBuffer",
                  cl->api.clEnqueueFillBuffer(cl->queue, (cl_mem)memory, &zero, sizeof(zero), 0,
                                              (size_t)bytes, 0, NULL, NULL));
}

tal_status tal_cl_run(tal_cl *cl, tal_cl_kernel *kernel, const tal_cl_argument *arguments,
                      size_t argument_count, size_t group_count, size_t group_size)
{
    for (size_t i = 0; i < argument_count; i++) {
        const tal_cl_argument *argument = &arguments[i];
        const cl_mem memory = (cl_mem)argument->memory;
        const void *value = memory == NULL ? (const void *)&argument->value : (const void *)&memory;
        cl_int error =
            cl->api.clSetKernelArg((cl_kernel)kernel, (cl_uint)i,
                                   memory == NULL ? argument->bytes : sizeof(memory), value);
        if (error != CL_SUCCESS)
            return refuse(cl, "clSetKernelArg", error);
    }
    size_t global = group_count * group_size;
    return refuse(cl, "clEnqueueNDRangeKernel",
                  cl->api.clEnqueueNDRangeKernel(cl->queue, (cl_kernel)kernel, 1, NULL, &global,
                                                 &group_size, 0, NULL, NULL));
}

tal_status tal_cl_mark(tal_cl *cl, tal_cl_event **out_event)
{
    cl_event event;
    cl_int error = cl->api.clEnqueueMarkerWithWaitList(cl->queue, 0, NULL, &event);
    if (error != CL_SUCCESS)
        return refuse(cl, "clEnqueueMarkerWithWaitList", error);
    *out_event = (tal_cl_event *)event;
    return refuse(cl, "clFlush", cl->api.clFlush(cl->queue));
}

tal_status tal_cl_event_poll(tal_cl *cl, tal_cl_event *event, bool *out_is_done)
{
    cl_int state = CL_QUEUED;
    cl_int error = cl->api.clGetEventInfo((cl_event)event, CL_EVENT_COMMAND_EXECUTION_STATUS,
                                          sizeof(state), &state, NULL);
    *out_is_done = state == CL_COMPLETE;
    return refuse(cl, "a batch", error == CL_SUCCESS && state < 0 ? state : error);
}

tal_status tal_cl_event_wait(tal_cl *cl, tal_cl_event *event)
{
    cl_event one = (cl_event)event;
    return refuse(cl, "clWaitForEvents", cl->api.clWaitForEvents(1, &one));
}

uint64_t tal_cl_event_ns(tal_cl *cl, tal_cl_event *event)
{
    cl_ulong ns = 0;
    cl_int error = cl->api.clGetEventProfilingInfo((cl_event)event, CL_PROFILING_COMMAND_END,
                                                   sizeof(ns), &ns, NULL);
    return error == CL_SUCCESS ? ns : 0;
}

void tal_cl_event_destroy(tal_cl *cl, tal_cl_event *event)
{
    if (event != NULL)
        (void)cl->api.clReleaseEvent((cl_event)event);
}

tal_status tal_cl_finish(tal_cl *cl)
{
    return refuse(cl, "clFinish", cl->api.clFinish(cl->queue));
}
