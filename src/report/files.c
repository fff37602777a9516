/* report/files.c - a draft is written in memory, saved beside the file that it will be, and renamed over it. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "espalier/file.h"
#include "files.h"

const char *esp_base_name(const char *path)
{
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

esp_err esp_path_join(const char *directory, const char *name, const char *suffix, char **path)
{
  ESP_REQUIRE(asprintf(path, "%s/%s%s", directory, name, suffix) >= 0, ESP_ERR_NOMEM, "no memory for a path in %s", directory);
  return ESP_OK;
}

esp_err esp_directory_make(const char *path)
{
  struct stat status;
  if (mkdir(path, 0777) == 0 || (errno == EEXIST && stat(path, &status) == 0 && S_ISDIR(status.st_mode)))
    return ESP_OK;
  return esp_fail(ESP_ERR_CANNOT_CREATE, "%s: the directory cannot be made: %s; choose another with -o", path, strerror(errno));
}

esp_err esp_file_rename(const char *temporary, const char *path)
{
  if (rename(temporary, path) == 0)
    return ESP_OK;
  const int why = errno;
  unlink(temporary);
  return esp_fail(ESP_ERR_CANNOT_CREATE, "%s: cannot be replaced: %s; choose another directory with -o", path, strerror(why));
}

esp_err esp_draft_begin(esp_draft *draft)
{
  *draft = (esp_draft){0};
  draft->out = open_memstream(&draft->text, &draft->size);
  ESP_REQUIRE(draft->out, ESP_ERR_NOMEM, "no memory for a file of the report");
  return ESP_OK;
}

esp_err esp_draft_save(esp_draft *draft, const char *directory, const char *name)
{
  char *path = NULL, *temporary = NULL;
  const bool failed = ferror(draft->out);
  esp_err err = fclose(draft->out) == 0 && !failed ? ESP_OK : esp_fail(ESP_ERR_NOMEM, "no memory for %s", name);
  if (err == ESP_OK)
    err = esp_path_join(directory, name, "", &path);
  if (err == ESP_OK)
    err = esp_path_join(directory, name, ".tmp", &temporary);
  if (err == ESP_OK) {
    unlink(temporary); /* of a report that was killed */
    err = esp_file_save(temporary, draft->text, draft->size);
  }
  if (err == ESP_OK)
    err = esp_file_rename(temporary, path);
  free(temporary);
  free(path);
  free(draft->text);
  *draft = (esp_draft){0};
  return err;
}
