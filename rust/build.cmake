# Builds the crate and copies its library to OUTPUT. Cargo puts libraries of the same name from
# different checkouts in one place, so nobody else may build between the two steps.
file(MAKE_DIRECTORY ${TARGET_DIR})
file(LOCK ${TARGET_DIR}/weft.lock GUARD PROCESS)
get_filename_component(checkout ${CMAKE_CURRENT_LIST_DIR} DIRECTORY)
set(ENV{WEFT_CHECKOUT} ${checkout})
execute_process(
  COMMAND ${CARGO} build --release --locked --target-dir ${TARGET_DIR}
  WORKING_DIRECTORY ${CMAKE_CURRENT_LIST_DIR}
  COMMAND_ERROR_IS_FATAL ANY)
file(COPY_FILE ${TARGET_DIR}/release/libweft_text.a ${OUTPUT} ONLY_IF_DIFFERENT)
# Unchanged, it is still newer than what it was made from.
file(TOUCH_NOCREATE ${OUTPUT})
