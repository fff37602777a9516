/* espalier/linear.h - sums over long vectors whose bits do not depend on the width of the machine's vectors. Pure, local. */
#ifndef ESPALIER_LINEAR_H
#define ESPALIER_LINEAR_H
#include <stddef.h>

/** Dot product of a [n] and b [n]; any alignment. The order of the sum is fixed by n alone. */
double esp_dot(size_t n, const double *a, const double *b);

/** to[i] = from[i] + length direction[i]; to may be one of the others. Equal bits with AVX2 and AVX-512. */
void esp_step(size_t n, const double *from, double length, const double *direction, double *to);

#endif
