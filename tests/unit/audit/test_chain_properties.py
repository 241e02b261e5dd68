"""Whatever somebody without the key does to what is recorded, it is found."""

from collections.abc import Sequence

from hypothesis import assume, given
from hypothesis import strategies as st

from consumer_app.audit.chain import Anchor, Codes, Head, Link
from tests.unit.audit.chains import CODES, chained, heads_of, problems_in

# Few and short, so that what is moved often lands where something like it was.
RECORDS = st.lists(st.sampled_from(["{}", '{"patient":"2"}', "ü"]), min_size=1, max_size=4)
CHAINS = st.lists(RECORDS, min_size=1, max_size=3)
FOREIGN = Codes(bytes(32))


@st.composite
def tampered(draw: st.DrawFn, links: Sequence[Link]) -> list[Link]:
    """Delete, change, move and forge links; what is stored has one for each place."""
    places = [(chain, number) for chain in range(1, 5) for number in range(1, 6)]
    stored = {}
    for link in links:
        done = draw(
            st.sampled_from(["keep", "keep", "delete", "change", "recode", "move", "forge"])
        )
        chain, number, record, code = link
        if done == "delete":
            continue
        if done == "change":
            record = draw(st.sampled_from(["{}", "changed", *(each.record for each in links)]))
        if done == "recode":
            code = draw(st.sampled_from([each.code for each in links]))
        if done == "move":
            chain, number = draw(st.sampled_from(places))
        if done == "forge":
            before = draw(st.sampled_from([Head.of_new(chain), *(each.head for each in links)]))
            record, code = next(FOREIGN.chained(before, [b"forged"]))[2:]
        stored[chain, number] = Link(chain, number, record, code)
    return sorted(stored.values())


@given(CHAINS)
def test_what_was_recorded_is_found_whole(chains: list[list[str]]) -> None:
    links = chained(*chains)

    assert problems_in(links, heads_of(links)) == []


@given(st.data(), CHAINS)
def test_any_deletion_change_move_or_forgery_is_found(
    data: st.DataObject, chains: list[list[str]]
) -> None:
    links = chained(*chains)
    stored = data.draw(tampered(links))
    assume(stored != links)

    assert problems_in(stored, heads_of(links))


@given(st.data(), CHAINS)
def test_without_the_log_all_is_found_but_missing_ends(
    data: st.DataObject, chains: list[list[str]]
) -> None:
    links = chained(*chains)
    stored = data.draw(tampered(links))
    assume(stored != links)

    if not problems_in(stored):
        assert set(stored) < set(links)
        remaining = {link.chain: link.number for link in stored}
        assert [*remaining] == [*range(1, len(remaining) + 1)]
        assert stored == [each for each in links if each.number <= remaining.get(each.chain, 0)]


@given(st.data(), CHAINS)
def test_a_purge_hides_nothing_else(data: st.DataObject, chains: list[list[str]]) -> None:
    links = chained(*chains)
    kept: list[Link] = []
    anchors: list[Anchor] = []
    for chain, records in enumerate(chains, start=1):
        of_chain = [link for link in links if link.chain == chain]
        cut = data.draw(st.integers(0, len(records)))
        kept += of_chain[cut:]
        if cut:
            anchors.append(CODES.anchor(of_chain[cut - 1].head))
    assert problems_in(kept, heads_of(links), anchors) == []

    stored = data.draw(tampered(kept))
    assume(stored != kept)
    assert problems_in(stored, heads_of(links), anchors)


@given(st.data(), CHAINS)
def test_nobody_without_the_key_can_make_a_deletion_a_purge(
    data: st.DataObject, chains: list[list[str]]
) -> None:
    links = chained(*chains)
    last = data.draw(st.sampled_from(links))
    stored = [link for link in links if link.chain != last.chain or link.number > last.number]
    forged = data.draw(
        st.sampled_from([FOREIGN.anchor(last.head), Anchor(*last.head, seal=last.code)])
    )

    assert problems_in(stored, heads_of(links), [forged])
