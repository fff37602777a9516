/* espalier/objective.h - a smooth function of a vector of weights: what a network offers and a minimiser asks for. */
#ifndef ESPALIER_OBJECTIVE_H
#define ESPALIER_OBJECTIVE_H
#include <stddef.h>

/** The function to minimise. gradient() is only asked for at the point of the last loss(), so that an implementation can
 *  keep what the loss computed. A value that is not finite is an answer, not an error. */
typedef struct {
  size_t n;                                       /* number of weights                      */
  double (*loss)(void *context, const double *w); /* E at w [n]                             */
  void (*gradient)(void *context, double *g);     /* dE/dw [n] at the w of the last loss()  */
  double (*curvature)(void *context, const double *p); /* p'Hp at the w of the last gradient(); NULL: by a difference */
  void *context;
} esp_objective;

#endif
