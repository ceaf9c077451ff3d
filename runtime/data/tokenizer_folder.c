#include "runtime/data/tokenizer_folder.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What publishers write for "no limit" is a number of thirty digits. */
static const double length_unlimited = 1e9;

static bool wrong_type(const char *path, const char *key, const char *expected, failure *f) {
  return fail(f, "%s: \"%s\" is not %s", path, key, expected);
}

static bool read_flag(const char *path, const json_t *config, const char *key, bool *to, failure *f) {
  const json_t *value = json_object_get(config, key);
  if (value && !json_is_null(value) && !json_is_boolean(value))
    return wrong_type(path, key, "true or false", f);
  if (json_is_boolean(value))
    *to = json_is_true(value);
  return true;
}

static bool read_settings(const char *path, const json_t *config, tokenizer_settings *to, failure *f) {
  const json_t *length = json_object_get(config, "model_max_length");
  if (!json_is_object(config))
    return fail(f, "%s: expected a JSON object", path);
  if (length && (!json_is_number(length) || json_number_value(length) < 1))
    return wrong_type(path, "model_max_length", "a number of tokens", f);
  double most = json_number_value(length);
  to->length_most = most < length_unlimited ? (int64_t)most : 0;
  bool split_chinese = true, lower = true;
  if (!read_flag(path, config, "do_lower_case", &lower, f) ||
      !read_flag(path, config, "tokenize_chinese_chars", &split_chinese, f))
    return false;
  bool strip_accents = lower; /* what its absence and null mean */
  if (!read_flag(path, config, "strip_accents", &strip_accents, f))
    return false;
  to->lower = lower;
  if (!split_chinese || strip_accents != lower)
    return fail(f, "%s: \"%s\" is set as wordpiece(…) does not do it", path,
                split_chinese ? "strip_accents" : "tokenize_chinese_chars");
  return true;
}

bool tokenizer_settings_read(const char *path, tokenizer_settings *to, failure *f) {
  struct stat about;
  if (stat(path, &about) != 0 || !S_ISDIR(about.st_mode)) {
    to->vocabulary = memory_print("%s", path);
    return true;
  }
  to->vocabulary = memory_print("%s/vocab.txt", path);
  char *settings = memory_print("%s/tokenizer_config.json", path);
  bool good = true;
  if (access(settings, F_OK) == 0) {
    json_error_t error;
    json_t *config = json_load_file(settings, JSON_REJECT_DUPLICATES, &error);
    good = config ? read_settings(settings, config, to, f)
                  : fail(f, "%s:%d: no JSON: %s", settings, error.line, error.text);
    json_decref(config);
  }
  free(settings);
  return good;
}
