/* espalier/kernel.h - which arithmetic kernels this process computes with, and on how many threads. Pure, local.
 *
 * The kernels for AVX2 and AVX-512 agree in every bit, the portable ones do not. Without a choice the fastest are used. */
#ifndef ESPALIER_KERNEL_H
#define ESPALIER_KERNEL_H
#include "espalier/error.h"

/** Let OpenBLAS use one thread: ranks are the parallelism, and one order of sums gives one set of bits. */
void esp_one_thread(void);

/** Use these kernels instead of the fastest ones that the CPU has; before anything is computed.
 *  @return ESP_OK, or ESP_ERR_USAGE if there are none of that name for this CPU (message lists those that there are). */
esp_err esp_kernel_force(const char *name);

/** Name of the arithmetic kernels in use on this CPU: "avx512", "avx2" or "portable". */
const char *esp_kernel_name(void);

#endif
