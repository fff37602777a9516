/* espalier/file.h - system calls carried through where they are interrupted or move less than was asked. Local. */
#ifndef ESPALIER_FILE_H
#define ESPALIER_FILE_H
#include <stddef.h>
#include <sys/types.h>

#include "espalier/error.h"

/** Write n bytes at an offset. @return 0 or the errno of the failure. */
int esp_write_at(int fd, const void *data, size_t n, off_t offset);

/** Read n bytes at an offset, fewer only at the end of the file. @return bytes read, or -1 and errno. */
ssize_t esp_read_at(int fd, void *data, size_t n, off_t offset);

/** fsync; a file system that has none for this file is fine. @return 0 or the errno of the failure. */
int esp_sync(int fd);

/** Make a new file of these bytes and bring it to disk. What exists under this name, a link too, is left alone.
 *  @return ESP_OK; ESP_ERR_CANNOT_CREATE; ESP_ERR_IO, and the file is removed again. The message ends with the cause. */
esp_err esp_file_save(const char *path, const void *bytes, size_t n);

/** An existing file cannot be opened, and this is errno: is the file to blame (ESP_ERR_NO_INPUT) or the machine (ESP_ERR_IO)? */
esp_err esp_open_error(int code);

/** What to do about a failed write with this errno, to be put behind the cause: "; make room ..." or "". */
const char *esp_disk_advice(int code);

#endif
