/* The schema's numbers are for ever: this is every one that was ever given. A field that was taken out stays here, as a
 * number that must not come back under another name. */
#include "proto/event.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct given {
    const ProtobufCMessageDescriptor *message;
    const char *field;
    unsigned number;
    ProtobufCType type;
};

#define EVENT   &taskledger__v1__event__descriptor
#define TASK    &taskledger__v1__task_status__descriptor
#define FAILURE &taskledger__v1__error__descriptor
#define OPENED  &taskledger__v1__producer_opened__descriptor
#define CLOSED  &taskledger__v1__producer_closed__descriptor
#define DROPPED &taskledger__v1__producer_dropped__descriptor
#define ADOPTED &taskledger__v1__producer_adopted__descriptor

static const struct given fields[] = {
    {EVENT, "producer_id", 1, PROTOBUF_C_TYPE_BYTES},
    {EVENT, "sequence", 2, PROTOBUF_C_TYPE_UINT64},
    {EVENT, "previous_digest", 3, PROTOBUF_C_TYPE_BYTES},
    {EVENT, "occurred_at_us", 4, PROTOBUF_C_TYPE_INT64},
    {EVENT, "task_status", 10, PROTOBUF_C_TYPE_MESSAGE},
    {EVENT, "producer_opened", 11, PROTOBUF_C_TYPE_MESSAGE},
    {EVENT, "producer_closed", 12, PROTOBUF_C_TYPE_MESSAGE},
    {EVENT, "producer_dropped", 13, PROTOBUF_C_TYPE_MESSAGE},
    {EVENT, "producer_adopted", 14, PROTOBUF_C_TYPE_MESSAGE},
    {TASK, "task_id", 1, PROTOBUF_C_TYPE_STRING},
    {TASK, "status", 2, PROTOBUF_C_TYPE_ENUM},
    {TASK, "attempt", 3, PROTOBUF_C_TYPE_UINT32},
    {TASK, "task_name", 4, PROTOBUF_C_TYPE_STRING},
    {TASK, "worker", 5, PROTOBUF_C_TYPE_STRING},
    {TASK, "step", 6, PROTOBUF_C_TYPE_STRING},
    {TASK, "progress", 7, PROTOBUF_C_TYPE_DOUBLE},
    {TASK, "message", 8, PROTOBUF_C_TYPE_STRING},
    {TASK, "error", 9, PROTOBUF_C_TYPE_MESSAGE},
    {TASK, "data_json", 10, PROTOBUF_C_TYPE_BYTES},
    {TASK, "traceparent", 11, PROTOBUF_C_TYPE_STRING},
    {TASK, "parent_task_id", 12, PROTOBUF_C_TYPE_STRING},
    {TASK, "queue", 13, PROTOBUF_C_TYPE_STRING},
    {FAILURE, "type", 1, PROTOBUF_C_TYPE_STRING},
    {FAILURE, "message", 2, PROTOBUF_C_TYPE_STRING},
    {FAILURE, "traceback", 3, PROTOBUF_C_TYPE_STRING},
    {OPENED, "host", 1, PROTOBUF_C_TYPE_STRING},
    {OPENED, "pid", 2, PROTOBUF_C_TYPE_UINT32},
    {OPENED, "worker", 3, PROTOBUF_C_TYPE_STRING},
    {OPENED, "library_version", 4, PROTOBUF_C_TYPE_STRING},
    {OPENED, "confirms", 5, PROTOBUF_C_TYPE_BOOL},
    {CLOSED, "last_sequence", 1, PROTOBUF_C_TYPE_UINT64},
    {DROPPED, "first_sequence", 1, PROTOBUF_C_TYPE_UINT64},
    {DROPPED, "last_sequence", 2, PROTOBUF_C_TYPE_UINT64},
    {DROPPED, "reason", 3, PROTOBUF_C_TYPE_STRING},
    {ADOPTED, "producer_id", 1, PROTOBUF_C_TYPE_BYTES},
    {ADOPTED, "last_sequence", 2, PROTOBUF_C_TYPE_UINT64},
    {ADOPTED, "last_digest", 3, PROTOBUF_C_TYPE_BYTES},
};

static const struct {
    const char *name;
    int number;
} statuses[] = {
    {"STATUS_UNSPECIFIED", 0},     {"STATUS_PENDING", 1}, {"STATUS_QUEUED", 2},
    {"STATUS_RUNNING", 3},         {"STATUS_RETRY", 4},   {"STATUS_SUCCESS", 5},
    {"STATUS_PARTIAL_FAILURE", 6}, {"STATUS_FAILURE", 7}, {"STATUS_CANCELLED", 8},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void every_field_keeps_its_number_and_type(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(fields); i++) {
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field_by_name(fields[i].message, fields[i].field);

        if (field == NULL)
            fail_msg("%s.%s is gone", fields[i].message->name, fields[i].field);
        assert_int_equal(field->id, fields[i].number);
        assert_int_equal(field->type, fields[i].type);
    }
}

static void no_field_is_missing_from_this_list(void **state)
{
    const ProtobufCMessageDescriptor *const messages[] = {EVENT, TASK, FAILURE, OPENED, CLOSED, DROPPED, ADOPTED};
    size_t total = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(messages); i++)
        total += messages[i]->n_fields;
    assert_int_equal(total, COUNT(fields));
}

static void every_status_keeps_its_number(void **state)
{
    const ProtobufCEnumDescriptor *all = &taskledger__v1__status__descriptor;

    (void)state;
    assert_int_equal(all->n_values, COUNT(statuses));
    for (size_t i = 0; i < COUNT(statuses); i++) {
        const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value_by_name(all, statuses[i].name);

        assert_non_null(value);
        assert_int_equal(value->value, statuses[i].number);
    }
}

static void the_package_is_version_one(void **state)
{
    (void)state;
    assert_string_equal(taskledger__v1__event__descriptor.name, "taskledger.v1.Event");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_keeps_its_number_and_type),
        cmocka_unit_test(no_field_is_missing_from_this_list),
        cmocka_unit_test(every_status_keeps_its_number),
        cmocka_unit_test(the_package_is_version_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
