# The target dawn::webgpu_dawn: the system's Dawn where there is one, else the pinned library that
# setup/install has placed in the cache, with a header made from the pinned declarations.
find_package(Dawn QUIET)
if(TARGET dawn::webgpu_dawn)
  return()
endif()

set(setup ${CMAKE_SOURCE_DIR}/setup)
set(cache "$ENV{XDG_CACHE_HOME}")
if(NOT cache)
  set(cache "$ENV{HOME}/.cache")
endif()

# Sets `out` to the cached file `file` of the wheel `name`, in the version of setup/wheels.txt.
function(weft_wheel_file name file out)
  file(STRINGS ${setup}/wheels.txt line REGEX "^${name}==")
  string(REGEX REPLACE "^${name}==([^ ]+).*" "\\1" version "${line}")
  set(path "${cache}/weft/${name}-${version}/${file}")
  if(NOT EXISTS "${path}")
    message(FATAL_ERROR "Dawn is neither installed nor in '${path}': run ./setup/install.")
  endif()
  set(${out} "${path}" PARENT_SCOPE)
endfunction()

weft_wheel_file(rillfacet libwebgpu_dawn.so library)
weft_wheel_file(wgpudawn webgpu_cdef.h standard_cdef)
weft_wheel_file(wgpudawn webgpu_native_extra_cdef.h native_cdef)

find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(include ${CMAKE_BINARY_DIR}/dawn/include)
execute_process(
  COMMAND ${Python3_EXECUTABLE} ${setup}/make_webgpu_header.py ${standard_cdef} ${native_cdef}
  OUTPUT_VARIABLE header COMMAND_ERROR_IS_FATAL ANY)
file(CONFIGURE OUTPUT ${include}/webgpu/webgpu.h CONTENT "${header}" @ONLY)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
             ${setup}/wheels.txt ${setup}/make_webgpu_header.py)

add_library(dawn::webgpu_dawn SHARED IMPORTED)
set_target_properties(dawn::webgpu_dawn PROPERTIES
  IMPORTED_LOCATION "${library}" INTERFACE_INCLUDE_DIRECTORIES ${include}
  INTERFACE_COMPILE_DEFINITIONS WEFT_PINNED_DAWN)
