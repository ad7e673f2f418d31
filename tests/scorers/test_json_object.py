import pytest

from guerdon.errors import GuerdonError
from guerdon.scorers.json_object import JsonObject
from guerdon.serial import from_json, to_json
from guerdon.tasks.problem import Problem

ANY = Problem(7, "?")


@pytest.mark.parametrize(
    ("response", "open_", "closed"),
    [
        ('{"a": 1, "b": []}', 1.0, 1.0),
        ('```json\n{"b": 0, "a": false}\n```', 1.0, 1.0),
        ('{"a": 1, "b": 2, "c": 3}', 1.0, 0.0),
        ('{"a": 1}', 0.0, 0.0),
        ('{"a": 1, "b": null}', 0.0, 0.0),
        ('{"a": 1, "b": ""}', 0.0, 0.0),
        ('[{"a": 1, "b": 2}]', 0.0, 0.0),
        ('{"a": 1, "b": 2} ok', 0.0, 0.0),
        ("{'a': 1, 'b': 2}", 0.0, 0.0),
        ('{"a":' * 5000, 0.0, 0.0),
        ("", 0.0, 0.0),
    ],
)
def test_keys(response, open_, closed):
    assert JsonObject(("a", "b"))(ANY, response) == open_
    assert JsonObject(("a", "b"), others=False)(ANY, response) == closed


def test_any_object_and_a_tag():
    assert JsonObject()(ANY, "{}") == 1.0
    assert [JsonObject(tag="x")(ANY, text) for text in ("so <x>{}</x>", "{}")] == [1.0, 0.0]
    with pytest.raises(GuerdonError, match="keys must be different names"):
        JsonObject(("a", "a"))
    assert from_json(to_json(JsonObject(("a",)))) == JsonObject(("a",))
