/* Any bytes as a safetensors file: refused with a text, or tensors that all lie inside it and can be read. */
#include "runtime/data/safetensors.h"
#include "tests/fuzz/fuzz.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void demand(bool holds, const char *what) {
  if (!holds) {
    fprintf(stderr, "fuzz_safetensors: %s\n", what);
    abort();
  }
}

/* Reads every byte: an address outside the file is then seen by the sanitizer. */
static uint64_t read_all(const safetensor *t) {
  uint64_t sum = 0;
  size_t bytes = (size_t)safetensor_count(t) * safetensors_dtype_size(t->dtype);
  for (size_t i = 0; i < bytes; i++)
    sum += ((const unsigned char *)t->data)[i];
  return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  failure f = {0};
  safetensors *file = safetensors_parse("input", data, size, &f);
  demand((file == NULL) == (f.text != NULL), "a failure without a text, or a text without a failure");
  size_t bytes = 0;
  for (int i = 0; file && i < safetensors_tensor_count(file); i++) {
    const safetensor *t = safetensors_at(file, i);
    demand(safetensors_find(file, t->name) == t, "a tensor is not found by its name");
    bytes += (size_t)safetensor_count(t) * safetensors_dtype_size(t->dtype);
    demand(bytes <= size, "the tensors are larger than the file");
    float *numbers = memory_allocate((size_t)safetensor_count(t), sizeof *numbers);
    volatile uint64_t sum = read_all(t) + safetensor_read_floats(t, numbers);
    (void)sum;
    free(numbers);
  }
  safetensors_close(file);
  failure_free(&f);
  return 0;
}
