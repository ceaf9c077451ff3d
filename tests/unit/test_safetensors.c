/* Round trips, conversions, and every kind of hostile header. */
#include "runtime/data/file.h"
#include "runtime/data/safetensors.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char *temporary_path(void) {
  return memory_print("/tmp/retort-test-%d.safetensors", getpid());
}

static void round_trip(void **state) {
  (void)state;
  failure f = {0};
  char *path = temporary_path();
  const float weight[6] = {1, -2, 3.5f, NAN, INFINITY, -0.0f};
  const int64_t counter = INT64_C(1) << 40;
  const safetensor tensors[] = {
      {.name = "layer.0.weight", .dtype = SAFETENSORS_F32, .rank = 2, .sizes = {2, 3}, .data = weight},
      {.name = "empty", .dtype = SAFETENSORS_BF16, .rank = 2, .sizes = {0, 7}, .data = weight},
      {.name = "counter \xc3\xa9\"", .dtype = SAFETENSORS_I64, .rank = 0, .data = &counter},
  };
  assert_true(safetensors_write(path, 3, tensors, &f));
  safetensors *file = safetensors_open(path, &f);
  assert_null(f.text);
  assert_int_equal(safetensors_tensor_count(file), 3);
  for (int i = 0; i < 3; i++) {
    const safetensor *t = safetensors_find(file, tensors[i].name);
    assert_non_null(t);
    assert_int_equal(t->dtype, tensors[i].dtype);
    assert_int_equal(t->rank, tensors[i].rank);
    assert_memory_equal(t->sizes, tensors[i].sizes, sizeof t->sizes);
    assert_memory_equal(t->data, tensors[i].data, (size_t)safetensor_count(t) * safetensors_dtype_size(t->dtype));
  }
  assert_null(safetensors_find(file, "layer.0"));
  safetensors_close(file);
  unlink(path);
  free(path);
}

static void converts_to_float(void **state) {
  (void)state;
  const uint16_t half[] = {0x3C00, 0xC000, 0x0001, 0x83FF, 0x7C00, 0x7BFF, 0x8000, 0x7E00};
  const float expected[] = {1, -2, 0x1p-24f, -1023 * 0x1p-24f, INFINITY, 65504, -0.0f};
  float got[8];
  safetensor t = {.dtype = SAFETENSORS_F16, .rank = 1, .sizes = {8}, .data = half};
  assert_true(safetensor_read_floats(&t, got));
  for (int i = 0; i < 7; i++) {
    assert_true(got[i] == expected[i]);
    assert_int_equal(signbit(got[i]) != 0, signbit(expected[i]) != 0);
  }
  assert_true(isnan(got[7]));
  const uint16_t brain[] = {0x3F80, 0xC2F7};
  t = (safetensor){.dtype = SAFETENSORS_BF16, .rank = 1, .sizes = {2}, .data = brain};
  assert_true(safetensor_read_floats(&t, got));
  assert_true(got[0] == 1 && got[1] == -123.5f);
  t.dtype = SAFETENSORS_I16;
  assert_false(safetensor_read_floats(&t, got));
}

/* A file of a header and `data` zero bytes; `length` -1: the header's own. */
static unsigned char *make_file(const char *header, int64_t length, size_t data, size_t *size) {
  size_t own = strlen(header);
  uint64_t said = length < 0 ? own : (uint64_t)length;
  unsigned char *bytes = memory_allocate(8 + own + data, 1);
  memcpy(bytes, &said, 8);
  memcpy(bytes + 8, header, own);
  *size = 8 + own + data;
  return bytes;
}

static void hostile_headers_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *header;
    int64_t length;
    size_t data;
    const char *expected;
  } cases[] = {
      {"{}", INT64_MAX, 0, "truncated"},
      {"{}", 3, 0, "truncated"},
      {"", -1, 0, "no JSON object"},
      {"[]", -1, 0, "no JSON object"},
      {"{\"a\":", -1, 0, "no JSON object"},
      {"{}", -1, 4, "4 bytes at the end belong to no tensor"},
      {"{\"a\":1}", -1, 0, "has no dtype"},
      {"{\"a\":{\"dtype\":\"F31\",\"shape\":[],\"data_offsets\":[0,4]}}", -1, 4, "unknown dtype 'F31'"},
      {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", -1, 4, "has no shape"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", -1, 4, "8 dimensions"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", -1, 4, "not made of sizes"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", -1, 4, "not made of sizes"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", -1, 0, "any memory"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", -1, 4, "are no range"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", -1, 4, "has no data_offsets"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", -1, 4, "truncated"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", -1, 4, "another size"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", -1, 8, "preceded by bytes"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
       "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
       -1, 8, "'b' overlaps another one"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
       "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
       -1, 1, "duplicate"},
      {"{\"__metadata__\":{\"a\":1}}", -1, 0, "no text"},
      {"{\"a\\u0000b\":{}}", -1, 0, "no JSON object"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,4]}}", -1, 4, "no JSON object"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    failure f = {0};
    size_t size;
    unsigned char *bytes = make_file(cases[i].header, cases[i].length, cases[i].data, &size);
    assert_null(safetensors_parse("x.safetensors", bytes, size, &f));
    assert_non_null(f.text);
    if (!strstr(f.text, cases[i].expected) || !strstr(f.text, "x.safetensors"))
      fail_msg("case %zu: %s", i, f.text);
    failure_free(&f);
    free(bytes);
  }
}

static void overlong_names_and_short_files(void **state) {
  (void)state;
  failure f = {0};
  char name[1100];
  memset(name, 'n', sizeof name);
  name[1099] = 0;
  char *header = memory_print("{\"%s\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", name);
  size_t size;
  unsigned char *bytes = make_file(header, -1, 0, &size);
  assert_null(safetensors_parse("x", bytes, size, &f));
  assert_non_null(strstr(f.text, "longer than 1024 bytes"));
  assert_true(strlen(f.text) < 200);
  failure_free(&f);
  for (size_t cut = 0; cut < 8; cut++) {
    assert_null(safetensors_parse("x", bytes, cut, &f));
    failure_free(&f);
  }
  free(bytes);
  free(header);
}

static void what_was_written_survives_a_failure(void **state) {
  (void)state;
  failure f = {0};
  assert_null(safetensors_open("/nonexistent/x", &f));
  assert_string_equal(f.text, "cannot read /nonexistent/x: No such file or directory");
  failure_free(&f);
  assert_null(safetensors_open("/tmp", &f));
  assert_string_equal(f.text, "cannot read /tmp: it is a folder");
  failure_free(&f);
  const float one = 1;
  const safetensor t = {.name = "\xff", .dtype = SAFETENSORS_F32, .rank = 0, .data = &one};
  char *path = temporary_path();
  assert_true(file_write(path, "old", 3, &f));
  assert_false(safetensors_write(path, 1, &t, &f));
  assert_non_null(strstr(f.text, "is not UTF-8"));
  failure_free(&f);
  mapped_file file;
  assert_true(file_map(path, &file, &f));
  assert_int_equal(file.size, 3);
  file_unmap(&file);
  unlink(path);
  free(path);
  assert_false(safetensors_write("/nonexistent/x", 0, NULL, &f));
  assert_string_equal(f.text, "cannot write /nonexistent/x: No such file or directory");
  failure_free(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(round_trip),
      cmocka_unit_test(converts_to_float),
      cmocka_unit_test(hostile_headers_are_refused),
      cmocka_unit_test(overlong_names_and_short_files),
      cmocka_unit_test(what_was_written_survives_a_failure),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
