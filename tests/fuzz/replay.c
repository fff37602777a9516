/* replay.c - feeds files to a fuzz target, without libFuzzer: every input that was worth keeping, in every build. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

static int is_file(const struct dirent *entry)
{
  return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
  struct dirent **entries = NULL;
  const int n = argc == 2 ? scandir(argv[1], &entries, is_file, alphasort) : -1;
  if (n <= 0) {
    fprintf(stderr, "usage: %s DIRECTORY (with files in it)\n", argv[0]);
    return 2;
  }
  for (int i = 0; i < n; i++) {
    static uint8_t data[1 << 20];
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", argv[1], entries[i]->d_name);
    FILE *file = fopen(path, "rb");
    if (!file) {
      perror(path);
      return 2;
    }
    const size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    fprintf(stderr, "%s, %zu bytes\n", path, size); /* the last one said is the one that failed */
    uint8_t *copy = malloc(size ? size : 1);        /* of its own length, so that a sanitizer sees its end */
    for (size_t b = 0; b < size; b++)
      copy[b] = data[b];
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    free(entries[i]);
  }
  free(entries);
  return 0;
}
