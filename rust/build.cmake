# Builds the crate, with RUSTFLAGS if that is set, and copies its library to OUTPUT. Cargo puts
# libraries of the same name from different checkouts in one place, so nobody else may build between
# the two steps.
file(MAKE_DIRECTORY ${TARGET_DIR})
file(LOCK ${TARGET_DIR}/weft.lock GUARD PROCESS)
get_filename_component(checkout ${CMAKE_CURRENT_LIST_DIR} DIRECTORY)
set(ENV{WEFT_CHECKOUT} ${checkout})
set(folder ${TARGET_DIR}/release)
if(RUSTFLAGS)
  # For a target that is named, the flags are its own: not those of what runs while building.
  execute_process(COMMAND rustc -vV OUTPUT_VARIABLE version COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCH "host: ([^\n]+)" line "${version}")
  set(ENV{RUSTFLAGS} "${RUSTFLAGS}")
  set(target --target ${CMAKE_MATCH_1})
  set(folder ${TARGET_DIR}/${CMAKE_MATCH_1}/release)
endif()
execute_process(
  COMMAND ${CARGO} build --release --locked --target-dir ${TARGET_DIR} ${target}
  WORKING_DIRECTORY ${CMAKE_CURRENT_LIST_DIR}
  COMMAND_ERROR_IS_FATAL ANY)
file(COPY_FILE ${folder}/libweft_text.a ${OUTPUT} ONLY_IF_DIFFERENT)
# Unchanged, it is still newer than what it was made from.
file(TOUCH_NOCREATE ${OUTPUT})
