/* Any bytes as a configuration file: an answer, no fault. Build with clang and -Dfuzzers=true; to
 * guide the fuzzer into the library, add -Db_sanitize=address,undefined -Db_lundef=false and
 * -fsanitize=fuzzer-no-link to -Dc_args and -Dcpp_args. */
#include "base/check.h"
#include "conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    tal_conf *conf = NULL;
    tal_status_clear();
    if (tal_conf_create(&conf) != TAL_OK)
        return 0;
    tal_status status = tal_conf_read_text(conf, "fuzz", (const char *)data, bytes);
    TAL_ASSERT((status == TAL_OK) == (tal_status_message()[0] == '\0'));
    TAL_ASSERT(status == TAL_OK || status == TAL_ERR_CONFIG);
    for (const tal_conf_row *row = tal_conf_rows(); row->key != NULL; row++) {
        TAL_ASSERT(tal_conf_text(conf, row->key)[0] != '\0');
        if (row->kind == TAL_CONF_INT) {
            double value = (double)tal_conf_int(conf, row->key);
            TAL_ASSERT(value >= row->min && value <= row->max);
        }
    }
    tal_conf_destroy(conf);
    return 0;
}
