# cmake -DSOURCE=... -DVERSION=... -DOUT=... -P WriteVersion.cmake
# Writes OUT when the version or the commit has changed.
execute_process(
  COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=10 --exclude=*
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT commit)
  set(commit unknown)
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT [[
#include "cli/version.h"

namespace weft::cli {
std::string_view version() { return "@VERSION@"; }
std::string_view commit() { return "@commit@"; }
}  // namespace weft::cli
]] @ONLY)
