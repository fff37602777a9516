/* model/kernel_choice.c - which kernels, on this CPU; and how many threads for what OpenBLAS still does. */
#include <cblas.h>

#include "espalier/linear.h"
#include "espalier/rnn.h"
#include "kernels.h"

const esp_kernel *esp_kernel_in_use(void)
{
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return &esp_kernel_avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return &esp_kernel_avx2;
#endif
  return &esp_kernel_portable;
}

double esp_dot(size_t n, const double *a, const double *b)
{
  return esp_kernel_in_use()->dot(n, a, b);
}

const char *esp_kernel_name(void)
{
  return esp_kernel_in_use()->name;
}

void esp_one_thread(void)
{
  openblas_set_num_threads(1);
}
