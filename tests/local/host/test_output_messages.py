"""The ids of output messages are derived from the triggering input."""

from __future__ import annotations

from local.host.app.bindings import Identity
from local.host.app.output_messages import make_messages
from local.host.app.protos import TypedData

BINDING = "function\nbinding"


def ids(text: str, *identities: str, binding: str = BINDING) -> list[str | None]:
    """The ids of the output messages of a batch with these identities."""
    batch = [Identity(each, f"name of {each}") for each in identities]
    return [each.message_id for each in make_messages(TypedData(string=text), binding, batch)]


def test_the_id_depends_on_the_trigger_and_the_binding() -> None:
    assert ids("a", "queue\n1") == ids("changed", "queue\n1")
    assert ids("a", "queue\n1") != ids("a", "queue\n2")
    assert ids("a", "queue\n1") != ids("a", "queue\n1", binding="function\nother")


def test_messages_of_one_output_differ_in_their_ids() -> None:
    assert len(set(ids("[1, 1, 1]", "queue\n1"))) == 3


def test_as_many_elements_as_messages_are_paired_by_position() -> None:
    first, second = ids("[1, 2]", "queue\n1", "queue\n2")
    # The second message is delivered again in another batch.
    third, again = ids("[3, 2]", "queue\n3", "queue\n2")
    assert again == second
    assert len({first, second, third}) == 3
    assert ids("[2]", "queue\n2") == [second]


def test_any_other_number_of_elements_belongs_to_the_whole_batch() -> None:
    batch = ("queue\n1", "queue\n2")
    assert ids("[1, 2, 3]", *batch) == ids("[1, 2, 3]", *batch)
    assert set(ids("[1, 2, 3]", *batch)).isdisjoint(ids("[1, 2]", *batch))


def test_a_document_with_a_messages_id_belongs_to_it_in_any_batch() -> None:
    first = ids('[{"id": "name of 1", "n": 1}, {"id": "name of 2", "n": 2}]', "1", "2")
    # Predicted again, because the stored document is lost.
    assert ids('[{"id": "name of 2", "n": 3}]', "1", "2", "3") == first[1:]
    # Sent round once more, it is another message.
    assert ids('[{"id": "name of 2", "n": 3}]', "4") != first[1:]


def test_a_document_with_another_id_is_identified_by_its_content() -> None:
    first = ids('[{"id": "a", "n": 1}, {"id": "b", "n": 2}]', "1", "2")
    assert ids('[{"id": "b", "n": 2}]', "1", "2", "3") == first[1:]
    assert ids('[{"id": "b", "n": 3}]', "2") != first[1:]


def test_the_output_of_a_blob_is_identified_by_the_blob() -> None:
    blob = [Identity("container/name etag")]
    first, again = (
        make_messages(TypedData(string=text), BINDING, blob)[0].message_id
        for text in ('{"id": "a", "at": 1}', '{"id": "a", "at": 2}')
    )
    assert first == again
