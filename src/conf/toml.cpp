/* TOML through toml++, compiled in as headers with its exceptions off; see toml.h.
 *
 * The library recurses over nested tables, so what may be nested is bounded before and while it
 * parses: lines are short (a dotted key nests one table a dot), values nest at most
 * TAL_TOML_DEPTH_MAX times.
 */
#undef TOML_SHARED_LIB
#undef TOML_HEADER_ONLY
#define TOML_HEADER_ONLY       1
#define TOML_EXCEPTIONS        0
#define TOML_ENABLE_FORMATTERS 0
#define TOML_MAX_NESTED_VALUES 8
#include <toml++/toml.h>

extern "C" {
#include "conf/toml.h"
#include "conf/conf.h"
}

#include <algorithm>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

static_assert(TOML_MAX_NESTED_VALUES == TAL_TOML_DEPTH_MAX, "one limit of nesting");

namespace
{

struct leaf {
    std::string key;
    std::string text;
    tal_toml_value value;
    unsigned column;
};

bool is_bare(std::string_view part)
{
    return !part.empty() && std::all_of(part.begin(), part.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-';
    });
}

/* Control bytes would disturb the terminal a message is shown on. */
std::string joined(const std::string &path, std::string_view part)
{
    std::string key = path.empty() ? path : path + ".";
    if (is_bare(part))
        return key.append(part);
    key += '"';
    for (char c : part)
        key += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    return key + '"';
}

void collect(const toml::table &table, const std::string &path, int depth,
             std::vector<leaf> &leaves);

void collect_node(const toml::node &node, const toml::key &name, const std::string &path, int depth,
                  std::vector<leaf> &leaves)
{
    std::string key = joined(path, name.str());
    const toml::table *table = node.as_table();
    if (table != nullptr && !table->empty() && depth < TAL_TOML_DEPTH_MAX) {
        collect(*table, key, depth + 1, leaves);
        return;
    }
    leaf found{std::move(key), std::string(), tal_toml_value{}, name.source().begin.column};
    found.value.line = name.source().begin.line;
    found.value.kind = TAL_TOML_OTHER;
    if (table != nullptr) {
        found.value.kind = TAL_TOML_TABLE;
    } else if (const auto *integer = node.as_integer()) {
        found.value.kind = TAL_TOML_INT;
        found.value.integer = integer->get();
    } else if (const auto *real = node.as_floating_point()) {
        found.value.kind = TAL_TOML_REAL;
        found.value.real = real->get();
    } else if (const auto *boolean = node.as_boolean()) {
        found.value.kind = TAL_TOML_BOOL;
        found.value.boolean = boolean->get();
    } else if (const auto *text = node.as_string()) {
        found.value.kind = TAL_TOML_TEXT;
        found.text = text->get();
    }
    leaves.push_back(std::move(found));
}

void collect(const toml::table &table, const std::string &path, int depth,
             std::vector<leaf> &leaves)
{
    for (auto &&[name, node] : table)
        collect_node(node, name, path, depth, leaves);
}

tal_status check_lines(const char *name, const char *text, std::size_t bytes)
{
    unsigned line = 1;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < bytes; i++) {
        if (text[i] == '\n') {
            line++;
            begin = i + 1;
        } else if (i - begin >= TAL_CONF_LINE_BYTES_MAX) {
            return tal_fail(TAL_ERR_CONFIG, "'%s' line %u is longer than %d bytes", name, line,
                            static_cast<int>(TAL_CONF_LINE_BYTES_MAX));
        }
    }
    return TAL_OK;
}

tal_status walk(const char *name, std::string_view text, tal_toml_visit visit, void *context)
{
    toml::parse_result result = toml::parse(text);
    if (!result) {
        const toml::parse_error &error = result.error();
        std::string cause(error.description());
        std::replace_if(
            cause.begin(), cause.end(),
            [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
        return tal_fail(TAL_ERR_CONFIG, "'%s' line %u is not TOML: %s", name,
                        static_cast<unsigned>(error.source().begin.line), cause.c_str());
    }
    std::vector<leaf> leaves;
    collect(result.table(), std::string(), 1, leaves);
    std::sort(leaves.begin(), leaves.end(), [](const leaf &a, const leaf &b) {
        return a.value.line != b.value.line ? a.value.line < b.value.line : a.column < b.column;
    });
    for (leaf &found : leaves) {
        found.value.key = found.key.c_str();
        found.value.text = found.text.c_str();
        tal_status status = visit(context, &found.value);
        if (status != TAL_OK)
            return status;
    }
    return TAL_OK;
}

} // namespace

extern "C" tal_status tal_toml_walk(const char *name, const char *text, size_t bytes,
                                    tal_toml_visit visit, void *context)
{
    try {
        tal_status status = check_lines(name, text, bytes);
        return status != TAL_OK ? status : walk(name, {text, bytes}, visit, context);
    } catch (const std::exception &) { /* Out of memory: the parser's own are off. */
        return tal_fail(TAL_ERR_MEMORY, "out of memory while reading '%s'", name);
    } catch (...) {
        return tal_fail(TAL_ERR_INTERNAL, "the TOML library failed on '%s'", name);
    }
}
