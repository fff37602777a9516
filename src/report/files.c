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

esp_err esp_replacement_begin(const char *directory, const char *name, esp_replacement *r)
{
  *r = (esp_replacement){0};
  ESP_TRY(esp_path_join(directory, name, "", &r->path));
  ESP_TRY(esp_path_join(directory, name, ".tmp", &r->temporary));
  unlink(r->temporary); /* of a report that was killed */
  return ESP_OK;
}

esp_err esp_replacement_end(esp_replacement *r, esp_err err)
{
  if (err == ESP_OK && rename(r->temporary, r->path) != 0) {
    err = esp_fail(ESP_ERR_CANNOT_CREATE, "%s: cannot be replaced: %s; choose another directory with -o", r->path,
                   strerror(errno));
    unlink(r->temporary);
  }
  free(r->temporary);
  free(r->path);
  return err;
}

esp_err esp_draft_begin(esp_draft *draft)
{
  *draft = (esp_draft){0};
  draft->out = open_memstream(&draft->text, &draft->size);
  ESP_REQUIRE(draft->out, ESP_ERR_NOMEM, "no memory for the texts of the report");
  return ESP_OK;
}

esp_err esp_draft_end(esp_draft *draft)
{
  const bool failed = ferror(draft->out);
  ESP_REQUIRE(fclose(draft->out) == 0 && !failed, ESP_ERR_NOMEM, "no memory for the texts of the report");
  return ESP_OK;
}

esp_err esp_draft_save(esp_draft *draft, const char *directory, const char *name)
{
  esp_replacement r = {0};
  esp_err err = esp_draft_end(draft);
  if (err == ESP_OK)
    err = esp_replacement_begin(directory, name, &r);
  if (err == ESP_OK)
    err = esp_file_save(r.temporary, draft->text, draft->size);
  free(draft->text);
  return esp_replacement_end(&r, err);
}
