# Writes a C file that holds deploy/schema: cmake -DSCHEMA=FOLDER -DOUTPUT=FILE -P EmbedSchema.cmake
#
# Migrations are named NNN_name.sql and numbered 1, 2, 3 ... without a gap; consumer/ledger/schema_sql.h declares what is
# defined here.

function(embed name file)
    file(READ ${file} bytes HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
    string(REGEX REPLACE "(................................................................................)" "\\1\n"
        bytes "${bytes}")
    file(APPEND ${OUTPUT} "${name}[] = {\n${bytes}0};\n\n")
endfunction()

file(GLOB migrations ${SCHEMA}/[0-9][0-9][0-9]_*.sql)
list(SORT migrations)

file(WRITE ${OUTPUT} "#include \"consumer/ledger/schema_sql.h\"\n\n")
embed("const char schema_sql_roles" ${SCHEMA}/roles.sql)
embed("const char schema_sql_grants" ${SCHEMA}/grants.sql)

set(version 0)
set(table "")
foreach(file ${migrations})
    math(EXPR version "${version} + 1")
    get_filename_component(stem ${file} NAME_WE)
    string(REGEX MATCH "^0*([0-9]+)_(.+)$" matched ${stem})
    if(NOT CMAKE_MATCH_1 EQUAL version)
        message(FATAL_ERROR "${file}: migration ${version} should come here")
    endif()
    string(APPEND table "    {${version}, \"${CMAKE_MATCH_2}\", migration_${version}},\n")
    embed("static const char migration_${version}" ${file})
endforeach()
file(APPEND ${OUTPUT} "const struct schema_migration schema_sql_migrations[] = {\n${table}};\n")
file(APPEND ${OUTPUT} "const int schema_sql_count = ${version};\n")
