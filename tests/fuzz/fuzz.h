/* What a fuzz target is: one file fuzz_NAME.c with this function, and a folder corpus/NAME of inputs to start from. The
 * driver (fuzz.c) changes inputs by chance and keeps those that reach new code. */
#ifndef RETORT_FUZZ_H
#define RETORT_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Any bytes. Returns 0; a fault is whatever ends the process (a sanitizer's report, abort) or takes more than ten
 * seconds. The name is the one that libFuzzer asks for, so that a target links with that as well. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
