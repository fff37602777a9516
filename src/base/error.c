/* base/error.c - the message lives in one static buffer: a process computes one thing at a time. */
#include "espalier/error.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
  int status;
  const char *sentence;
} outcomes[] = {
#define X(name, status, sentence) [name] = {status, sentence},
    ESP_ERRORS(X)
#undef X
};

static char message[4096];
static esp_err message_of = ESP_OK;

int esp_err_exit_status(esp_err err)
{
  return outcomes[err].status;
}

const char *esp_err_sentence(esp_err err)
{
  return outcomes[err].sentence;
}

const char *esp_err_message(esp_err err)
{
  return message_of == err && err != ESP_OK ? message : outcomes[err].sentence;
}

esp_err esp_fail(esp_err err, const char *format, ...)
{
  /* Formatted aside first: an argument may be the old message itself. */
  char text[sizeof message];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  snprintf(message, sizeof message, "%s", text);
  message_of = err;
  return err;
}
