# Writes OUT with the git revision of SOURCE (ESP_REVISION), only when it changed, so that builds stay incremental.
cmake_minimum_required(VERSION 3.21)
set(revision "unknown")
find_package(Git QUIET)
if(GIT_FOUND)
  execute_process(COMMAND ${GIT_EXECUTABLE} -C ${SOURCE} describe --always --dirty --abbrev=12 --exclude=*
    OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE rc)
  if(rc EQUAL 0 AND described)
    set(revision "${described}")
  endif()
endif()
file(CONFIGURE OUTPUT ${OUT}.new CONTENT "#define ESP_REVISION \"@revision@\"\n" @ONLY)
file(COPY_FILE ${OUT}.new ${OUT} ONLY_IF_DIFFERENT)
