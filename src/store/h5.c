/* HDF5 calls, checked; see h5.h. */
#include "store/h5.h"

#include "base/alloc.h"
#include "base/check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CAUSE_BYTES = 300 };

void tal_h5_quiet(void)
{
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* Cannot fail for the default stack. */
}

/* Called for each entry of the stack, the innermost first: it names the cause. */
static herr_t stack_visit(unsigned idx, const H5E_error2_t *error, void *data)
{
    char *cause = data;
    const char *text = error->desc == NULL ? "" : error->desc;
    const char *code = strstr(text, "errno = ");
    if (code != NULL) {
        (void)snprintf(cause, CAUSE_BYTES, "%s", strerror(atoi(code + strlen("errno = "))));
        return 1; /* As exact as it gets: stop. */
    }
    if (idx == 0)
        (void)snprintf(cause, CAUSE_BYTES, "%s", text);
    return 0;
}

tal_status tal_h5_fail(tal_status status, const char *action, const char *path)
{
    char cause[CAUSE_BYTES] = "";
    if (H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, stack_visit, cause) < 0 || cause[0] == '\0')
        (void)snprintf(cause, sizeof(cause), "the HDF5 library failed without a message");
    (void)H5Eclear2(H5E_DEFAULT); /* The message has been taken. */
    return tal_fail(status, "cannot %s '%s': %s", action, path, cause);
}

hid_t tal_h5_file_type(tal_store_type type)
{
    const hid_t types[TAL_STORE_TYPE_COUNT] = {
        [TAL_STORE_U8] = H5T_STD_U8LE,    [TAL_STORE_U32] = H5T_STD_U32LE,
        [TAL_STORE_I32] = H5T_STD_I32LE,  [TAL_STORE_U64] = H5T_STD_U64LE,
        [TAL_STORE_F64] = H5T_IEEE_F64LE,
    };
    TAL_ASSERT(type < TAL_STORE_TYPE_COUNT);
    return types[type];
}

hid_t tal_h5_memory_type(tal_store_type type)
{
    const hid_t types[TAL_STORE_TYPE_COUNT] = {
        [TAL_STORE_U8] = H5T_NATIVE_UINT8,   [TAL_STORE_U32] = H5T_NATIVE_UINT32,
        [TAL_STORE_I32] = H5T_NATIVE_INT32,  [TAL_STORE_U64] = H5T_NATIVE_UINT64,
        [TAL_STORE_F64] = H5T_NATIVE_DOUBLE,
    };
    TAL_ASSERT(type < TAL_STORE_TYPE_COUNT);
    return types[type];
}

/* Keep no room for attributes, which datasets of ours do not have; false on failure. */
static bool hint_no_attributes(hid_t properties)
{
#if H5_VERSION_GE(1, 10, 5)
    return H5Pset_dset_no_attrs_hint(properties, true) >= 0;
#else
    return properties >= 0;
#endif
}

hid_t tal_h5_create(hid_t file, const char *path, tal_store_type type, uint64_t rows,
                    uint64_t chunk_rows)
{
    hid_t dataset = -1;
    hsize_t size = rows;
    hsize_t size_max = chunk_rows == 0 ? size : H5S_UNLIMITED;
    hid_t space = H5Screate_simple(1, &size, &size_max);
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    if (space < 0 || properties < 0)
        goto done;
    hsize_t chunk = chunk_rows;
    if (chunk_rows > 0 && H5Pset_chunk(properties, 1, &chunk) < 0)
        goto done;
    if (H5Pset_fill_time(properties, H5D_FILL_TIME_NEVER) < 0 ||
        H5Pset_alloc_time(properties, H5D_ALLOC_TIME_EARLY) < 0 ||
        H5Pset_obj_track_times(properties, false) < 0 || !hint_no_attributes(properties))
        goto done;
    dataset =
        H5Dcreate2(file, path, tal_h5_file_type(type), space, H5P_DEFAULT, properties, H5P_DEFAULT);
done:
    if (properties >= 0)
        (void)H5Pclose(properties); /* A property list in memory: nothing to lose. */
    if (space >= 0)
        (void)H5Sclose(space); /* Likewise. */
    return dataset;
}

static bool write_attribute(hid_t object, const char *name, hid_t file_type, hid_t memory_type,
                            const void *value)
{
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t attribute =
        space < 0 ? -1 : H5Acreate2(object, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT);
    bool is_written = attribute >= 0 && H5Awrite(attribute, memory_type, value) >= 0;
    if (attribute >= 0 && H5Aclose(attribute) < 0)
        is_written = false;
    if (space >= 0)
        (void)H5Sclose(space); /* In memory: nothing to lose. */
    return is_written;
}

bool tal_h5_write_text(hid_t object, const char *name, const char *text)
{
    size_t bytes = strlen(text);
    hid_t type = H5Tcopy(H5T_C_S1);
    bool is_written = type >= 0 && H5Tset_size(type, bytes == 0 ? 1 : bytes) >= 0 &&
                      H5Tset_cset(type, H5T_CSET_UTF8) >= 0 &&
                      H5Tset_strpad(type, H5T_STR_NULLPAD) >= 0 &&
                      write_attribute(object, name, type, type, text);
    if (type >= 0)
        (void)H5Tclose(type); /* In memory: nothing to lose. */
    return is_written;
}

bool tal_h5_write_u64(hid_t object, const char *name, uint64_t value)
{
    return write_attribute(object, name, H5T_STD_U64LE, H5T_NATIVE_UINT64, &value);
}

bool tal_h5_write_f64(hid_t object, const char *name, double value)
{
    return write_attribute(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value);
}

/* Open a scalar attribute and give its type; both are negative when there is none. */
static hid_t open_scalar(hid_t object, const char *name, hid_t *out_type)
{
    *out_type = -1;
    if (H5Aexists(object, name) <= 0)
        return -1;
    hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
    if (attribute < 0)
        return -1;
    hid_t space = H5Aget_space(attribute);
    bool is_scalar = space >= 0 && H5Sget_simple_extent_npoints(space) == 1;
    if (space >= 0)
        (void)H5Sclose(space); /* In memory: nothing to lose. */
    if (is_scalar)
        *out_type = H5Aget_type(attribute);
    if (*out_type >= 0)
        return attribute;
    (void)H5Aclose(attribute); /* Opened for reading only. */
    return -1;
}

static bool find_fixed_text(hid_t attribute, hid_t type, char *text, size_t bytes)
{
    size_t size = H5Tget_size(type);
    if (size == 0 || H5Tis_variable_str(type) != 0)
        return false;
    char *value = tal_alloc_zero(size + 1);
    bool is_read = value != NULL && H5Aread(attribute, type, value) >= 0;
    if (is_read)
        (void)snprintf(text, bytes, "%s", value); /* Cut to what the caller has room for. */
    tal_free(value);
    return is_read;
}

bool tal_h5_find_text(hid_t object, const char *name, char *text, size_t bytes)
{
    hid_t type;
    hid_t attribute = open_scalar(object, name, &type);
    if (attribute < 0)
        return false;
    bool is_found = false;
    H5T_class_t class = H5Tget_class(type);
    uint64_t whole;
    double real;
    if (class == H5T_STRING) {
        is_found = find_fixed_text(attribute, type, text, bytes);
    } else if (class == H5T_INTEGER && H5Aread(attribute, H5T_NATIVE_UINT64, &whole) >= 0) {
        (void)snprintf(text, bytes, "%" PRIu64, whole);
        is_found = true;
    } else if (class == H5T_FLOAT && H5Aread(attribute, H5T_NATIVE_DOUBLE, &real) >= 0) {
        (void)snprintf(text, bytes, "%.17g", real);
        is_found = true;
    }
    (void)H5Tclose(type);         /* In memory: nothing to lose. */
    (void)H5Aclose(attribute);    /* Opened for reading only. */
    (void)H5Eclear2(H5E_DEFAULT); /* What could not be read is "none", not an error. */
    return is_found;
}

bool tal_h5_find_u64(hid_t object, const char *name, uint64_t *out_value)
{
    hid_t type;
    hid_t attribute = open_scalar(object, name, &type);
    if (attribute < 0)
        return false;
    bool is_found =
        H5Tget_class(type) == H5T_INTEGER && H5Aread(attribute, H5T_NATIVE_UINT64, out_value) >= 0;
    (void)H5Tclose(type);      /* In memory: nothing to lose. */
    (void)H5Aclose(attribute); /* Opened for reading only. */
    return is_found;
}
