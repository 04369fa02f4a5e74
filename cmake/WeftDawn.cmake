# The target dawn::webgpu_dawn: the system's Dawn where there is one, else the pinned library that
# setup/install places in the cache (-DWEFT_DAWN_DIR=... names another folder of that shape).
find_package(Dawn QUIET)
if(TARGET dawn::webgpu_dawn)
  return()
endif()

if(NOT WEFT_DAWN_DIR)
  set(cache_home "$ENV{XDG_CACHE_HOME}")
  if(NOT cache_home)
    set(cache_home "$ENV{HOME}/.cache")
  endif()
  set(wheels ${CMAKE_CURRENT_LIST_DIR}/../setup/wheels.txt)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${wheels})
  file(STRINGS ${wheels} wheel REGEX "^rillfacet==")
  string(REGEX REPLACE "^rillfacet==([^ ]+).*" "\\1" version "${wheel}")
  set(WEFT_DAWN_DIR "${cache_home}/weft/dawn-${version}")
endif()

set(library "${WEFT_DAWN_DIR}/lib/libwebgpu_dawn.so")
if(NOT EXISTS "${library}" OR NOT EXISTS "${WEFT_DAWN_DIR}/include/webgpu/webgpu.h")
  message(FATAL_ERROR "Dawn is neither installed nor in '${WEFT_DAWN_DIR}': run ./setup/install.")
endif()
add_library(dawn::webgpu_dawn SHARED IMPORTED)
set_target_properties(dawn::webgpu_dawn PROPERTIES
  IMPORTED_LOCATION "${library}"
  INTERFACE_INCLUDE_DIRECTORIES "${WEFT_DAWN_DIR}/include")
