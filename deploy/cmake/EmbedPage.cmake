# Writes a C file that holds replay/web/page and the description of the API:
#
#   cmake -DPAGE=FOLDER -DDESCRIPTION=FILE -DOUTPUT=FILE -P EmbedPage.cmake
#
# replay/web/page_files.h declares what is defined here. A kind of file that browsers were not told of stops the build.

set(type_html "text/html; charset=utf-8")
set(type_css "text/css; charset=utf-8")
set(type_js "text/javascript; charset=utf-8")
set(type_svg "image/svg+xml")
set(type_json "application/json")

file(GLOB files ${PAGE}/*)
list(SORT files)
list(APPEND files ${DESCRIPTION})

file(WRITE ${OUTPUT} "#include \"replay/web/page_files.h\"\n\n")

set(count 0)
set(table "")
foreach(file ${files})
    get_filename_component(name ${file} NAME)
    string(REGEX MATCH "[^.]+$" kind ${name})
    if(NOT DEFINED type_${kind})
        message(FATAL_ERROR "${file}: no media type for a file of this kind")
    endif()
    if(name STREQUAL "index.html")
        set(path "/")
    elseif(file STREQUAL DESCRIPTION)
        set(path "/api/${name}")
    else()
        set(path "/page/${name}")
    endif()

    file(READ ${file} bytes HEX)
    string(LENGTH "${bytes}" size)
    math(EXPR size "${size} / 2")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
    string(REGEX REPLACE "(................................................................................)" "\\1\n"
        bytes "${bytes}")
    file(SHA256 ${file} digest)
    string(SUBSTRING ${digest} 0 32 digest)

    math(EXPR count "${count} + 1")
    file(APPEND ${OUTPUT} "static const unsigned char file_${count}[] = {\n${bytes}0};\n\n")
    string(APPEND table "    {\"${path}\", \"${type_${kind}}\", \"\\\"${digest}\\\"\", file_${count}, ${size}},\n")
endforeach()
file(APPEND ${OUTPUT} "const struct page_file page_files[] = {\n${table}};\n")
file(APPEND ${OUTPUT} "const size_t page_files_count = ${count};\n")
