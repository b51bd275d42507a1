"""Output messages have ids that follow from what triggered them."""

from __future__ import annotations

from local.host.app.bindings import Identity
from local.host.app.output_messages import make_messages
from local.host.app.protos import TypedData

BINDING = "function\nbinding"


def ids(text: str, *identities: str, binding: str = BINDING) -> list[str | None]:
    """Of what messages of these places, each with its own id, came to."""
    batch = [Identity(each, f"name of {each}") for each in identities]
    return [each.message_id for each in make_messages(TypedData(string=text), binding, batch)]


def test_the_same_trigger_gives_the_same_id_and_another_another() -> None:
    assert ids("a", "queue\n1") == ids("changed", "queue\n1")
    assert ids("a", "queue\n1") != ids("a", "queue\n2")
    assert ids("a", "queue\n1") != ids("a", "queue\n1", binding="function\nother")


def test_messages_of_one_output_differ_in_their_ids() -> None:
    assert len(set(ids("[1, 1, 1]", "queue\n1"))) == 3


def test_elements_belong_to_the_messages_of_a_batch_of_their_number() -> None:
    first, second = ids("[1, 2]", "queue\n1", "queue\n2")
    # The second message comes again in another batch.
    third, again = ids("[3, 2]", "queue\n3", "queue\n2")
    assert again == second
    assert len({first, second, third}) == 3
    assert ids("[2]", "queue\n2") == [second]


def test_elements_of_another_number_belong_to_the_batch_as_a_whole() -> None:
    batch = ("queue\n1", "queue\n2")
    assert ids("[1, 2, 3]", *batch) == ids("[1, 2, 3]", *batch)
    assert set(ids("[1, 2, 3]", *batch)).isdisjoint(ids("[1, 2]", *batch))


def test_a_document_with_its_messages_id_belongs_to_it_in_whatever_batch_it_comes_again() -> None:
    first = ids('[{"id": "name of 1", "n": 1}, {"id": "name of 2", "n": 2}]', "1", "2")
    # Computed anew, as what was stored is lost.
    assert ids('[{"id": "name of 2", "n": 3}]', "1", "2", "3") == first[1:]
    # Sent round once more, it is another message.
    assert ids('[{"id": "name of 2", "n": 3}]', "4") != first[1:]


def test_a_document_with_another_id_is_known_by_its_content_in_whatever_batch() -> None:
    first = ids('[{"id": "a", "n": 1}, {"id": "b", "n": 2}]', "1", "2")
    assert ids('[{"id": "b", "n": 2}]', "1", "2", "3") == first[1:]
    assert ids('[{"id": "b", "n": 3}]', "2") != first[1:]


def test_what_a_blob_came_to_is_known_by_the_blob_whatever_it_says() -> None:
    blob = [Identity("container/name etag")]
    first, again = (
        make_messages(TypedData(string=text), BINDING, blob)[0].message_id
        for text in ('{"id": "a", "at": 1}', '{"id": "a", "at": 2}')
    )
    assert first == again
