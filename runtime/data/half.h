/* Floats of 16 bits: IEEE 754 binary16. */
#ifndef RETORT_HALF_H
#define RETORT_HALF_H
#include <stdint.h>

uint16_t half_of(float x); /* to nearest, ties to even; 65520 and more become infinite */
float half_read(uint16_t half);

#endif
