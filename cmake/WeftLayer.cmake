# weft_layer(NAME [DEPENDS targets...]): one layer of docs/layers.txt.
# Every *.cpp of the folder and its subfolders but *_test.cpp and *_fuzz.cpp makes the static
# library weft_NAME; every *_test.cpp makes the GoogleTest program NAME_test.
# A subfolder with a CMakeLists.txt of its own is a layer of its own and is left out.
function(weft_layer name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "DEPENDS;TEST_DEPENDS")
  file(GLOB_RECURSE all CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  file(GLOB nested CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*/CMakeLists.txt)
  foreach(list ${nested})
    get_filename_component(folder ${list} DIRECTORY)
    list(FILTER all EXCLUDE REGEX "^${folder}/")
  endforeach()
  set(tests ${all})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER all EXCLUDE REGEX "_(test|fuzz)\\.cpp$")

  if(all)
    add_library(weft_${name} STATIC ${all})
    set(visibility PUBLIC)
  else()
    add_library(weft_${name} INTERFACE)
    set(visibility INTERFACE)
  endif()
  target_include_directories(weft_${name} ${visibility} ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(weft_${name} ${visibility} ${arg_DEPENDS})

  if(WEFT_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE weft_${name} ${arg_TEST_DEPENDS} GTest::gmock GTest::gtest_main)
    target_include_directories(${name}_test PRIVATE ${CMAKE_SOURCE_DIR})
  endif()
endfunction()
