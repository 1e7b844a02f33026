# What holds for every file of ours. A room says
#
#     target_link_libraries(proto PRIVATE house_rules)
#
# and, when the target is installed, $<BUILD_INTERFACE:house_rules>. Generated code stays outside.

# C17 without the compiler's dialect. The C library shows all it has (_GNU_SOURCE): Linux is what
# we run on, and a file that asks for less than its neighbour would see other declarations.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)

# Only what a header marks leaves a library.
set(CMAKE_C_VISIBILITY_PRESET hidden)

# Every library may end up in a shared one; every program is position independent.
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Kind of build" FORCE)
endif()
# As CMake has it, without -DNDEBUG: an assertion that holds in the tests holds for users too.
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")
set(CMAKE_C_FLAGS_RELEASE "-O2")

add_library(house_rules INTERFACE)
target_compile_definitions(house_rules INTERFACE _GNU_SOURCE)
target_include_directories(house_rules INTERFACE ${PROJECT_SOURCE_DIR}) # "proto/error.h": the path names the room
target_compile_options(house_rules INTERFACE
    -Wall -Wextra            # what nobody argues about
    -Wpedantic               # the standard, so that the next compiler agrees
    -Wconversion             # a silent cut of a size or a number is a lost event
    -Wsign-conversion        # the same for a sign (clang keeps it apart)
    -Wdouble-promotion       # a float that grew by itself
    -Wshadow                 # two things, one name
    -Wcast-qual              # a cast that drops const: somebody writes to what was lent
    -Wcast-align             # a pointer into a wire buffer that is not aligned for its type
    -Wpointer-arith          # sizeof(void) is not C
    -Wwrite-strings          # string literals are const
    -Wformat=2               # format strings are literals and match their arguments
    -Wstrict-prototypes      # f() says nothing about its parameters, f(void) does
    -Wold-style-definition   # the same where it is defined
    -Wmissing-prototypes     # a function is in its header or static
    -Wredundant-decls        # one declaration, in one header
    -Wvla                    # the stack has a bound that can be read
    -Wundef                  # a misspelt macro in #if is 0
    -Wimplicit-fallthrough   # a forgotten break
    -Wswitch-enum            # a new status or kind shows every place that must know it
    -Wdate-time              # two builds of one tree are equal
    $<$<BOOL:${TASKLEDGER_WERROR}>:-Werror>)

# Sanitizers and coverage see all code that is built, ours and generated.
if(SANITIZE)
    add_compile_options(-fsanitize=${SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -O1)
    add_link_options(-fsanitize=${SANITIZE})
endif()
if(TASKLEDGER_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(TASKLEDGER_COVERAGE)
    add_compile_options(--coverage)
    add_link_options(--coverage)
endif()

# Hardening of what users get: overflows end the process, relocations are read-only from the start.
set(hardened $<CONFIG:Release,RelWithDebInfo,MinSizeRel>)
add_compile_options(
    $<${hardened}:-fstack-protector-strong>
    $<${hardened}:-U_FORTIFY_SOURCE>
    $<${hardened}:-D_FORTIFY_SOURCE=2>)
add_link_options($<${hardened}:-Wl,-z,relro,-z,now>)
