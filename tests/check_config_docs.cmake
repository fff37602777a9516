# Fails if FILE is not what `ESPALIER run --list-keys` prints.
execute_process(COMMAND ${ESPALIER} run --list-keys OUTPUT_VARIABLE keys RESULT_VARIABLE rc)
file(READ ${FILE} text)
if(NOT rc EQUAL 0 OR NOT keys STREQUAL text)
  message(FATAL_ERROR "docs/CONFIG.md is out of date: build/espalier run --list-keys > docs/CONFIG.md")
endif()
