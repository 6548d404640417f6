"""The schema of one example."""

import pytest
from pydantic import ValidationError

from aeflow.schema import ExampleSchema

IMAGE = ExampleSchema(shape=(28, 28, 1), dtype="uint8", value_range=(0, 255))
VECTOR = ExampleSchema(shape=(3,), dtype="float32", columns=("a", "b", "c"))


def test_image_has_height_width_and_channels():
    assert IMAGE.is_image
    assert not VECTOR.is_image


def test_size_is_the_number_of_values_in_one_example():
    assert (IMAGE.size, VECTOR.size) == (784, 3)


def test_equal_schemas_do_not_differ():
    assert IMAGE.differences(IMAGE.model_copy()) == []


def test_differences_are_named_one_by_one():
    other = ExampleSchema(shape=(32, 32, 3), dtype="uint8", value_range=(0, 1))
    assert IMAGE.differences(other) == [
        "shape is (32, 32, 3), expected (28, 28, 1)",
        "value_range is (0.0, 1.0), expected (0.0, 255.0)",
    ]


def test_schema_survives_json():
    for schema in (IMAGE, VECTOR):
        assert ExampleSchema.model_validate_json(schema.model_dump_json()) == schema


@pytest.mark.parametrize(
    "fields", [{"shape": (3,), "dtype": "int64"}, {"shape": (3,), "dtype": "uint8", "size": 3}]
)
def test_unknown_types_and_fields_are_refused(fields):
    with pytest.raises(ValidationError):
        ExampleSchema.model_validate(fields)


def test_schema_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        setattr(IMAGE, "dtype", "float32")  # noqa: B010
