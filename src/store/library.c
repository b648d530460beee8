/* The HDF5 library; see library.h. HDF5 itself stops a program that meets another version than it
 * was compiled for, so what the header says is what runs. */
#include "store/library.h"

#include <hdf5.h>

#define TEXT_OF(number) #number
#define TEXT(number)    TEXT_OF(number)

#ifdef H5_HAVE_PARALLEL
#define KIND ", parallel"
enum { IS_PARALLEL = true };
#else
#define KIND ", serial"
enum { IS_PARALLEL = false };
#endif

const char *tal_store_library_version(void)
{
    return "HDF5 " TEXT(H5_VERS_MAJOR) "." TEXT(H5_VERS_MINOR) "." TEXT(H5_VERS_RELEASE) KIND;
}

bool tal_store_has_parallel_filters(void)
{
    return IS_PARALLEL && H5_VERSION_GE(1, 10, 2);
}
