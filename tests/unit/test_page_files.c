/* The live page, as the program carries it. */
#include "replay/web/page_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { PATH_BYTES = 256, FILE_BYTES_MAX = 128 * 1024 };

static const struct page_file *find_file(const char *path)
{
    for (size_t i = 0; i < page_files_count; i++)
        if (strcmp(page_files[i].path, path) == 0)
            return &page_files[i];
    return NULL;
}

static void the_address_itself_is_the_page(void **state)
{
    (void)state;
    const struct page_file *page = find_file("/");

    assert_non_null(page);
    assert_string_equal(page->type, "text/html; charset=utf-8");
    assert_memory_equal(page->bytes, "<!doctype html>", 15);
}

static void bytes_are_those_of_the_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < page_files_count; i++) {
        static unsigned char bytes[FILE_BYTES_MAX];
        const char *path = page_files[i].path;
        char name[PATH_BYTES];

        snprintf(name, sizeof name, "replay/web%s",
                 strcmp(path, "/") == 0           ? "/page/index.html"
                 : strncmp(path, "/api/", 5) == 0 ? path + strlen("/api")
                                                  : path);
        FILE *file = fopen(name, "rb");
        assert_non_null(file);
        size_t size = fread(bytes, 1, sizeof bytes, file);
        fclose(file);
        assert_int_equal(page_files[i].size, size);
        assert_memory_equal(page_files[i].bytes, bytes, size);
    }
}

static void other_bytes_have_another_tag(void **state)
{
    (void)state;
    for (size_t i = 0; i < page_files_count; i++) {
        const char *tag = page_files[i].etag;

        assert_int_equal(tag[0], '"');
        assert_int_equal(tag[strlen(tag) - 1], '"');
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(tag, page_files[k].etag);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_address_itself_is_the_page),
        cmocka_unit_test(bytes_are_those_of_the_files),
        cmocka_unit_test(other_bytes_have_another_tag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
