/* model/kernel_choice.c - which kernels, on this CPU: the widest that it has, chosen once at the first use, the same for rate networks and
 * for spiking ones; and how many threads for what OpenBLAS still does. Tests and the option --kernel force others, before anything is
 * computed: the portable ones have other bits. */
#include <cblas.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "espalier/kernel.h"
#include "espalier/linear.h"
#include "kernels.h"
#include "spiking_kernels.h"

/* Slow to fast; the fastest that the CPU has is used. */
static const esp_kernel *const kernels[] = {
    &esp_kernel_portable,
#ifdef __x86_64__
    &esp_kernel_avx2,
    &esp_kernel_avx512,
#endif
};
enum { N_KERNELS = sizeof kernels / sizeof *kernels };

static const esp_kernel *chosen;

static bool cpu_has(const esp_kernel *kernel)
{
#ifdef __x86_64__
  if (kernel == &esp_kernel_avx512)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (kernel == &esp_kernel_avx2)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
  return kernel == &esp_kernel_portable;
}

const esp_kernel *esp_kernel_in_use(void)
{
  for (int i = N_KERNELS - 1; !chosen; i--)
    if (cpu_has(kernels[i]))
      chosen = kernels[i];
  return chosen;
}

esp_err esp_kernel_force(const char *name)
{
  char names[64] = "";
  for (int i = 0; i < N_KERNELS; i++) {
    if (strcmp(name, kernels[i]->name) == 0 && cpu_has(kernels[i])) {
      chosen = kernels[i];
      return ESP_OK;
    }
    if (cpu_has(kernels[i]))
      snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? ", " : "", kernels[i]->name);
  }
  return esp_fail(ESP_ERR_USAGE, "there are no kernels '%s' on this CPU; it has %s", name, names);
}

const esp_spiking_kernel *esp_spiking_kernel_in_use(void)
{
#ifdef __x86_64__
  if (esp_kernel_in_use() == &esp_kernel_avx512)
    return &esp_spiking_kernel_avx512;
  if (esp_kernel_in_use() == &esp_kernel_avx2)
    return &esp_spiking_kernel_avx2;
#endif
  return &esp_spiking_kernel_portable;
}

double esp_dot(size_t n, const double *a, const double *b)
{
  return esp_kernel_in_use()->dot(n, a, b);
}

void esp_step(size_t n, const double *from, double length, const double *direction, double *to)
{
  esp_kernel_in_use()->step(n, from, length, direction, to);
}

const char *esp_kernel_name(void)
{
  return esp_kernel_in_use()->name;
}

void esp_one_thread(void)
{
  openblas_set_num_threads(1);
}
