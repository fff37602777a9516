/* fuzz.h - what libFuzzer calls, and replay.c too. */
#ifndef ESP_TESTS_FUZZ_H
#define ESP_TESTS_FUZZ_H
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
