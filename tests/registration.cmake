# How tests are registered. The name of a test is LABEL.NAME, its file LABEL/test_NAME.{c,py}.
#
# Unit and torture tests are C programs on cmocka, built with sanitizers (or for coverage). With the
# thread sanitizer only those with THREADS are built, as tsan.unit_NAME and tsan.torture_NAME. Fuzz
# targets are built by clang. Everything else looks at the programs that users get, so it is
# registered where no sanitizer is.

set(taskledger_registers_c OFF)
set(taskledger_registers_fuzz OFF)
set(taskledger_registers_system OFF)
if(TASKLEDGER_FUZZ)
    set(taskledger_registers_fuzz ON)
elseif(SANITIZE)
    set(taskledger_registers_c ON)
elseif(TASKLEDGER_COVERAGE)
    set(taskledger_registers_c ON)
    set(taskledger_registers_system ON)
else()
    set(taskledger_registers_system ON)
endif()

set(taskledger_sanitizer_environment
    ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1
    UBSAN_OPTIONS=print_stacktrace=1
    TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1)
set(taskledger_system_environment
    TASKLEDGER_BUILD=${PROJECT_BINARY_DIR}
    PYTHONDONTWRITEBYTECODE=1)

# taskledger_unit_test(NAME CORE [THREADS] [FILE...]): unit/test_NAME.c and FILEs, linked with CORE, the
# static library of a room (proto, producer_core, consumer_core, replay_core).
function(taskledger_unit_test name core)
    taskledger_c_test(unit ${name} "${core}" 180 ${ARGN})
endfunction()

# taskledger_torture_test(NAME CORE [FILE...]): the same for torture/test_NAME.c.
function(taskledger_torture_test name core)
    taskledger_c_test(torture ${name} "${core}" 300 ${ARGN})
endfunction()

function(taskledger_c_test label name core timeout_s)
    cmake_parse_arguments(PARSE_ARGV 4 test "THREADS" "" "")
    set(source ${label}/test_${name}.c)
    set(target ${label}_${name})
    set(test ${label}.${name})
    if(SANITIZE STREQUAL "thread")
        set(label tsan)
        set(test tsan.${target})
    endif()
    if(NOT taskledger_registers_c OR (label STREQUAL "tsan" AND NOT test_THREADS))
        return()
    endif()
    add_executable(${target} ${source} ${test_UNPARSED_ARGUMENTS})
    target_link_libraries(${target} PRIVATE house_rules ${core} PkgConfig::CMOCKA)
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
    if(test_THREADS)
        add_dependencies(threaded ${target})
    endif()
    add_test(NAME ${test} COMMAND ${target} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(${test} PROPERTIES
        LABELS ${label} TIMEOUT ${timeout_s} ENVIRONMENT "${taskledger_sanitizer_environment}")
endfunction()

# taskledger_wrap(TARGET FUNCTION...): calls of FUNCTION in that test go to its __wrap_FUNCTION, which may let them fail.
function(taskledger_wrap target)
    if(TARGET ${target})
        list(TRANSFORM ARGN PREPEND -Wl,--wrap=)
        target_link_options(${target} PRIVATE ${ARGN})
    endif()
endfunction()

# taskledger_fuzz_test(NAME CORE [FILE...]): fuzz/fuzz_NAME.c and FILEs, starting from fuzz/corpus/NAME/, for
# TASKLEDGER_TEST_SECONDS (default 10). What it finds is kept in the build folder.
function(taskledger_fuzz_test name core)
    if(NOT taskledger_registers_fuzz)
        return()
    endif()
    add_executable(fuzz_${name} EXCLUDE_FROM_ALL fuzz/fuzz_${name}.c ${ARGN})
    target_link_libraries(fuzz_${name} PRIVATE house_rules ${core})
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
    add_dependencies(fuzzers fuzz_${name})

    set(found ${PROJECT_BINARY_DIR}/found/${name})
    file(MAKE_DIRECTORY ${found})
    add_test(NAME fuzz.${name}
        COMMAND sh -c "exec \"$0\" -max_total_time=\${TASKLEDGER_TEST_SECONDS:-10} \"$@\""
            $<TARGET_FILE:fuzz_${name}> -timeout=10 -rss_limit_mb=1024 -print_final_stats=1
            -artifact_prefix=${found}/ ${found} ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/${name})
    set_tests_properties(fuzz.${name} PROPERTIES
        LABELS fuzz TIMEOUT 7200 ENVIRONMENT "${taskledger_sanitizer_environment}")
endfunction()

# taskledger_test_program(NAME CORE [FILE...]): support/NAME.c and FILEs, a program that system tests run, into tests/.
# taskledger_bench_program(NAME CORE [FILE...]): the same for bench/programs/NAME.c and FILEs.
function(taskledger_test_program name core)
    taskledger_program_for_tests(${name} "${core}" support ${ARGN})
endfunction()

function(taskledger_bench_program name core)
    taskledger_program_for_tests(${name} "${core}" bench/programs ${ARGN})
endfunction()

# taskledger_guard_program(NAME CORE FILE...): the same for bench/guard/NAME.c and FILEs beside it.
function(taskledger_guard_program name core)
    list(TRANSFORM ARGN PREPEND bench/guard/)
    taskledger_program_for_tests(${name} "${core}" bench/guard ${ARGN})
endfunction()

function(taskledger_program_for_tests name core folder)
    if(NOT taskledger_registers_system)
        return()
    endif()
    add_executable(${name} ${folder}/${name}.c ${ARGN})
    target_link_libraries(${name} PRIVATE house_rules ${core})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
endfunction()

# taskledger_preloaded(NAME): support/NAME.c, for LD_PRELOAD, into tests/NAME.so.
function(taskledger_preloaded name)
    if(NOT taskledger_registers_system)
        return()
    endif()
    add_library(${name} MODULE support/${name}.c)
    target_link_libraries(${name} PRIVATE house_rules)
    set_target_properties(${name} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
endfunction()

# taskledger_system_test(NAME [property value...]): system/test_NAME.py, run by pytest against the
# programs of this build and real servers. Properties as for set_tests_properties: TIMEOUT 900.
function(taskledger_system_test name)
    taskledger_python_test(system ${name} TIMEOUT 900 ${ARGN})
endfunction()

# taskledger_chaos_test: the same for chaos/; those that measure how long something takes say RUN_SERIAL ON.
function(taskledger_chaos_test name)
    taskledger_python_test(chaos ${name} TIMEOUT 7200 ${ARGN})
endfunction()

# taskledger_packages_test: the same for packages/: what others install, and what they build against it.
function(taskledger_packages_test name)
    taskledger_python_test(packages ${name} TIMEOUT 1800 ${ARGN})
endfunction()

# taskledger_bench_test: the same for bench/; alone on the machine.
function(taskledger_bench_test name)
    taskledger_python_test(bench ${name} TIMEOUT 900 RUN_SERIAL ON ${ARGN})
endfunction()

function(taskledger_python_test label name)
    if(NOT taskledger_registers_system)
        return()
    endif()
    add_test(NAME ${label}.${name}
        COMMAND ${Python3_EXECUTABLE} -m pytest -q -rs -p no:cacheprovider
            ${CMAKE_CURRENT_SOURCE_DIR}/${label}/test_${name}.py)
    set_tests_properties(${label}.${name} PROPERTIES
        LABELS ${label} ENVIRONMENT "${taskledger_system_environment}" ${ARGN})
endfunction()

# taskledger_lint_test(NAME [property value...]): lint/NAME.py, exit 0 if it has nothing to say.
# Looks at the sources, so not for coverage.
function(taskledger_lint_test name)
    if(NOT taskledger_registers_system OR TASKLEDGER_COVERAGE)
        return()
    endif()
    add_test(NAME lint.${name} COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/lint/${name}.py)
    set_tests_properties(lint.${name} PROPERTIES
        LABELS lint TIMEOUT 900 ENVIRONMENT "${taskledger_system_environment}" ${ARGN})
endfunction()
