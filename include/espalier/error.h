/* espalier/error.h - one list of outcomes: a code, the exit status it ends a program with, and its sentence.
 *
 * A function that can fail returns esp_err. The place that finds the fault says what is wrong with esp_fail(), naming
 * file, key and value; everybody above passes the code on with ESP_TRY. Exit statuses are those of sysexits.h. */
#ifndef ESPALIER_ERROR_H
#define ESPALIER_ERROR_H

#define ESP_ERRORS(X)                                                                   \
  X(ESP_OK,                0,  "done")                                                  \
  X(ESP_ERR_USAGE,         64, "the command line is not understood")                    \
  X(ESP_ERR_DATA,          65, "the data are damaged or not what was expected")         \
  X(ESP_ERR_NO_INPUT,      66, "an input file is missing or cannot be read")            \
  X(ESP_ERR_UNAVAILABLE,   69, "a needed service, permission or lock is not available") \
  X(ESP_ERR_INTERNAL,      70, "an internal check failed; please report this")          \
  X(ESP_ERR_ARG,           70, "an argument is out of range")                           \
  X(ESP_ERR_NOMEM,         70, "memory is exhausted")                                   \
  X(ESP_ERR_DIVERGED,      70, "a number became infinite or undefined")                 \
  X(ESP_ERR_CANNOT_CREATE, 73, "an output file cannot be created")                      \
  X(ESP_ERR_IO,            74, "reading or writing failed")                             \
  X(ESP_ERR_STOPPED,       75, "stopped early on request; the same command continues")  \
  X(ESP_ERR_CONFIG,        78, "the configuration is not valid")

typedef enum {
#define X(name, status, sentence) name,
  ESP_ERRORS(X)
#undef X
} esp_err;

/** Exit status of a program that ends with err (0 for ESP_OK). */
int esp_err_exit_status(esp_err err);

/** The sentence of err: constant text, never NULL. */
const char *esp_err_sentence(esp_err err);

/** What the last esp_fail() of this process said; the sentence of err if nothing was said. Borrowed, valid until the next
 *  esp_fail(). */
const char *esp_err_message(esp_err err);

/** Set the message (cut at 4095 bytes) and return err, so that a caller can write `return esp_fail(...)`. */
esp_err esp_fail(esp_err err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Pass a failure up. */
#define ESP_TRY(call)                  \
  do {                                 \
    const esp_err esp_try_err = (call);\
    if (esp_try_err != ESP_OK)         \
      return esp_try_err;              \
  } while (0)

/** Check input in every build. */
#define ESP_REQUIRE(condition, err, ...)        \
  do {                                          \
    if (!(condition))                           \
      return esp_fail((err), __VA_ARGS__);      \
  } while (0)

#endif
