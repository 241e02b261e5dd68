"""What an administration says of starts and stops, of whom, of what, and in which version."""

from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import RecordVersion, read_message, write_message
from publisher_app.formats.hl7.administrations import NOT_ENTERED
from publisher_app.formats.hl7.options import Hl7Options, Ranking
from tests.records import newest_of
from tests.unit.publisher.hl7.messages import (
    HEADER,
    ORDER,
    PATIENT,
    header,
    message,
    read,
    rxa,
    usual,
)

START = "2021-01-01T08:00:00.000000Z"
ENTERED = "20210101120000+0000"
BY_START = Hl7Options(by_start=True)
WORDS = Hl7Options(words={"New Bag": "start", "Stopped": "stop", "Given": "point", "Held": "none"})


@pytest.mark.parametrize(
    ("fields", "edges"),
    [
        ({}, ["start 08:00", "stop 10:00"]),
        ({"rxa_20": "PA"}, ["start 08:00", "stop 10:00"]),
        ({"rxa_20": "", "rxa_21": ""}, ["start 08:00", "stop 10:00"]),
        ({"rxa_21": "U"}, ["start 08:00", "stop 10:00"]),
        ({"rxa_4": ""}, ["start 08:00", "stop 08:00"]),
        ({"rxa_4": '""'}, ["start 08:00", "stop 08:00"]),
        ({"rxa_20": "RE"}, []),
        ({"rxa_20": "NA"}, []),
        ({"rxa_21": "D"}, []),
        ({"rxa_21": "D", "rxa_3": "", "rxa_5": ""}, []),
    ],
)
def test_the_times_and_codes_say_what_began_and_ended(
    fields: dict[str, str], edges: list[str]
) -> None:
    found = read(usual(rxa(**fields)))
    assert found.problem is None
    assert found.edges == edges


def test_a_pump_without_an_end_goes_on() -> None:
    assert read(usual(rxa(rxa_4="")), Hl7Options(is_pump=True)).edges == ["start 08:00"]


@pytest.mark.parametrize(
    ("word", "edges"),
    [
        ("New Bag", ["start 08:00"]),
        ("Stopped", ["stop 08:00"]),
        ("Given", ["start 08:00", "stop 08:00"]),
        ("Held", []),
    ],
)
def test_words_of_a_profile_say_what_was_done_and_the_order_is_that_of_all_of_them(
    word: str, edges: list[str]
) -> None:
    found = read(usual(rxa(rxa_20=word)), WORDS)
    assert found.edges == edges
    [version] = found.versions
    assert version.record_id == f"hl7/PUMPS/ICU/334^PHARMACY/1/{word}/{START}"
    assert {each.order_id for each in version.events} <= {"334^PHARMACY"}


def test_each_administration_of_an_order_is_a_record_and_an_order_of_its_own() -> None:
    found = read(usual(rxa(rxa_2="1"), rxa(rxa_2="2")))
    assert [each.record_id for each in found.versions] == [
        "hl7/PUMPS/ICU/334^PHARMACY/1",
        "hl7/PUMPS/ICU/334^PHARMACY/2",
    ]
    assert [each.events[0].order_id for each in found.versions] == [
        "334^PHARMACY/1",
        "334^PHARMACY/2",
    ]


def test_two_drugs_of_one_administration_are_one_version_with_all_their_events() -> None:
    [version] = read(usual(rxa(), rxa(rxa_5="9^Sodium"))).versions
    assert [each.medication_name for each in version.events] == ["Heparin"] * 2 + ["Sodium"] * 2


def test_where_each_is_the_first_the_start_may_be_part_of_the_record() -> None:
    both = usual(rxa(), rxa(rxa_3="20210101090000+0000"))
    assert len(read(both).versions) == 1
    assert len(read(both, BY_START).versions) == 2


def test_a_start_that_is_part_of_the_record_is_one_instant_however_it_is_written() -> None:
    written = ("20210101080000+0000", "202101010800+0000", "20210101090000+0100")
    found = {read(usual(rxa(rxa_3=each)), BY_START).versions[0].record_id for each in written}
    assert found == {f"hl7/PUMPS/ICU/334^PHARMACY/1/{START}"}


@pytest.mark.parametrize(
    ("fields", "options", "told"),
    [
        ({"rxa_2": ""}, Hl7Options(), "RXA-2: is missing: the doses of an order would share"),
        ({"rxa_21": "D", "rxa_3": ""}, BY_START, "RXA-3: is missing"),
        ({"rxa_21": "D", "rxa_20": ""}, WORDS, "RXA-20: is missing: the word is part of the"),
        ({"rxa_21": "D", "rxa_20": "Given"}, Hl7Options(), "RXA-20: is neither of HL7's codes"),
    ],
)
def test_what_names_no_record_is_an_error_as_it_would_change_another_or_none(
    fields: dict[str, str], options: Hl7Options, told: str
) -> None:
    found = read(usual(rxa(**fields)), options)
    assert found.versions == []
    assert str(found.problem).startswith(told)
    assert (found.problem and found.problem.code) in (101, 103)


def test_of_a_message_with_a_bad_administration_the_good_ones_are_published() -> None:
    found = read(usual(rxa(rxa_2="1", rxa_3="20210101"), rxa(rxa_2="2")))
    assert [each.record_id for each in found.versions] == ["hl7/PUMPS/ICU/334^PHARMACY/2"]
    assert (found.problem and found.problem.code) == 102


def test_of_a_record_with_a_bad_administration_nothing_is() -> None:
    found = read(usual(rxa(), rxa(rxa_5="")))
    assert found.versions == []
    assert str(found.problem) == "RXA-5: is missing"


@pytest.mark.parametrize(
    ("identifiers", "patient"),
    [
        ("1^^^A^PI~2^^^B^MR", "2"),
        ("1^^^A^PI~2^^^B^PI", "1"),
        ("~2", "2"),
        ("1\\T\\2", "1&2"),
    ],
)
def test_a_patient_is_known_by_the_record_number_else_by_the_first(
    identifiers: str, patient: str
) -> None:
    content = message(HEADER, f"PID|1||{identifiers}", ORDER, rxa())
    assert read(content).versions[0].events[0].patient_id == patient


def test_where_an_authority_is_named_no_other_identifier_is_taken() -> None:
    content = message(HEADER, "PID|1||1^^^A^MR~2^^^B&1.2.3&ISO^PI", ORDER, rxa())
    for authority in ("B", "1.2.3"):
        found = read(content, Hl7Options(authority=authority))
        assert found.versions[0].events[0].patient_id == "2"
    problem = read(content, Hl7Options(authority="C")).problem
    assert (problem and problem.code) == 101


@pytest.mark.parametrize(
    ("drug", "name"),
    [
        ("1^Heparin^RX^2^Alternative^L", "Heparin"),
        ("1^^RX^2^Alternative^L", "Alternative"),
        ("1^^RX", "RX|1"),
        ("1", "1"),
        ("1^Heparin \\T\\ Co", "Heparin & Co"),
        ("1^Heparin & Co", "Heparin & Co"),
    ],
)
def test_a_drug_has_the_best_name_that_it_is_given(drug: str, name: str) -> None:
    assert read(usual(rxa(rxa_5=drug))).versions[0].events[0].medication_name == name


def record_of(order: str, **fields: str) -> str:
    return read(message(header(**fields), PATIENT, order, rxa())).versions[0].record_id


def test_the_placers_number_stands_in_for_the_fillers_and_is_never_taken_for_one() -> None:
    assert record_of("ORC|RE|77^WARD") == "hl7/PUMPS/ICU//77^WARD/1"
    assert record_of("ORC|RE|9|77^WARD") == "hl7/PUMPS/ICU/77^WARD/1"


def test_senders_and_orders_are_told_apart_by_their_oids_where_they_have_no_names() -> None:
    ours, others = ({"msh_3": f"^1.2.{number}^ISO"} for number in (3, 4))
    assert record_of(ORDER, **ours) != record_of(ORDER, **others)
    assert record_of("ORC|RE||9^^1.2.3^ISO") != record_of("ORC|RE||9^^1.2.4^ISO")


def test_a_number_is_one_however_many_zeros_it_is_written_with() -> None:
    found = {read(usual(rxa(rxa_2=each))).versions[0].record_id for each in ("1", "01", " 1 ")}
    assert found == {"hl7/PUMPS/ICU/334^PHARMACY/1"}


def test_senders_are_told_apart_whatever_they_are_called() -> None:
    ours, others = {"msh_3": "A/B", "msh_4": "C"}, {"msh_3": "A", "msh_4": "B/C"}
    assert record_of(ORDER, **ours) != record_of(ORDER, **others)


def versions_in_order(*contents: bytes) -> bool:
    versions = [read(each).versions[0].record_version for each in contents]
    return versions == sorted(versions) and len({*versions}) == len(versions)


def test_a_version_is_ranked_by_when_it_was_entered_then_by_when_it_was_sent() -> None:
    def sent(hour: int, **fields: str) -> bytes:
        return message(header(msh_7=f"202101011{hour}0000+0000"), PATIENT, ORDER, rxa(**fields))

    assert versions_in_order(
        sent(9, rxa_22="20210101120000+0000"),
        sent(3, rxa_22="20210101150000+0200"),
        sent(4, rxa_22="20210101130000+0000"),
        sent(8),
        sent(9),
    )


def test_a_profile_names_the_one_thing_that_ranks() -> None:
    entered, sent = usual(rxa(rxa_22="20210101090000+0000")), usual()
    by_entry, by_sending = (Hl7Options(ranked_by=each) for each in get_args(Ranking))
    assert read(entered, by_entry).versions[0].record_version.startswith("2021-01-01T09:")
    assert str(read(sent, by_entry).problem) == "RXA-22: is missing, by which the profile ranks"
    for content in (entered, sent):
        found = read(content, by_sending)
        assert found.versions[0].record_version.startswith("2021-01-01T12:")
        assert found.notes == {}
    assert read(entered).notes == {}
    assert read(sent).notes == {NOT_ENTERED: 1}
    assert NOT_ENTERED.endswith("sent (a profile chooses: ranked_by under [hl7])")


years = st.integers(1, 9_999).map(lambda year: f"{year:04}0101000000+0000")


@given(years, years)
def test_whatever_is_published_of_a_message_can_be_stored(start: str, stop: str) -> None:
    found = read(usual(rxa(rxa_3=start, rxa_4=stop)))
    assert bool(found.versions) != bool(found.problem)
    if found.versions:
        assert read_message(write_message(found.versions)).reports == found.versions


hours = st.integers(0, 9)


@given(st.lists(st.tuples(hours, st.none() | hours, st.integers(0, 3)), unique=True), st.data())
def test_of_messages_in_any_order_the_last_that_was_entered_or_sent_counts(
    told: list[tuple[int, int | None, int]], data: st.DataObject
) -> None:
    def sent(at: int, entered: int | None, end: int) -> RecordVersion:
        rxa_22 = "" if entered is None else f"2021010112{entered:02}00+0000"
        administered = rxa(rxa_4=f"202101011{end}0000+0000", rxa_22=rxa_22)
        header_ = header(msh_7=f"2021010112{at:02}00+0000")
        return read(message(header_, PATIENT, ORDER, administered)).versions[0]

    arrived = [sent(*each) for each in data.draw(st.permutations([*told, *told[:3]]))]
    counting = newest_of(arrived)
    last = max(((at if entered is None else entered, at) for at, entered, _ in told), default=None)
    ends = {end for at, entered, end in told if (at if entered is None else entered, at) == last}
    assert {each.events[1].event_time.hour - 10 for each in counting} <= ends
    assert len(counting) == bool(told)


@pytest.mark.parametrize(
    ("content", "code", "problem"),
    [
        (message(HEADER, ORDER, rxa()), 101, "PID: is missing"),
        (message(HEADER, PATIENT, PATIENT, ORDER, rxa()), 101, "PID: is there more than once"),
        (message(HEADER, "PID|1", ORDER, rxa()), 101, "PID-3: is missing"),
        (
            message(HEADER, PATIENT, "ORC|RE", rxa()),
            101,
            "ORC-3: is missing, and so is ORC-2: patients would share a record",
        ),
        (message(HEADER, PATIENT, ORDER), 100, "RXA: is missing"),
        (usual(rxa(rxa_21="X")), 103, "RXA-21: is none of A, U and D"),
        (
            usual(rxa(rxa_20="Hung")),
            103,
            "RXA-20: is neither of HL7's codes nor a word of the profile",
        ),
        (usual(rxa(rxa_4="20210101070000+0000")), 103, "RXA-4: is before RXA-3"),
        (usual(rxa(rxa_3="")), 101, "RXA-3: is missing"),
        (
            usual(rxa(rxa_3="20210101")),
            102,
            "RXA-3: is a day without the time of day: write it like 20210101020000+0000",
        ),
        (
            message(header(msh_7=""), PATIENT, ORDER, rxa()),
            101,
            "MSH-7: is missing, and nothing else ranks it",
        ),
        (
            message(header(msh_9="RDE^O11"), PATIENT, ORDER, rxa()),
            200,
            "MSH-9: is no RAS: administrations are read, and no others",
        ),
        (
            message(header(msh_9="RAS^O01"), PATIENT, ORDER, rxa()),
            201,
            "MSH-9.2: is not O17, as RAS stands under in 2.5",
        ),
        (
            message(header(msh_11="T"), PATIENT, ORDER, rxa()),
            202,
            "MSH-11: is none that is taken: P",
        ),
        (
            message(header(msh_12="2.9"), PATIENT, ORDER, rxa()),
            203,
            "MSH-12: is none of 2.3 to 2.8.2",
        ),
    ],
)
def test_what_can_not_be_taken_is_told_by_place_and_code(
    content: bytes, code: int, problem: str
) -> None:
    found = read(content)
    assert found.versions == []
    assert found.problem is not None
    assert (found.problem.code, str(found.problem)) == (code, problem)


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("2.3", "RAS^O01"),
        ("2.3.1", "RAS^O01"),
        ("2.4", "RAS^O17"),
        ("2.8.2", "RAS^O17"),
        ("2.5", "RAS"),
    ],
)
def test_each_release_has_its_own_name_for_it(version: str, kind: str) -> None:
    content = message(header(msh_12=version, msh_9=kind), PATIENT, ORDER, rxa())
    assert read(content).problem is None


@pytest.mark.parametrize(
    ("written", "zone", "at"),
    [
        ("20210101080000+0200", None, "06:00:00"),
        ("202101010800Z", None, "08:00:00"),
        ("2021010108+0000", None, "08:00:00"),
        ("20210101080000.5+0000", None, "08:00:00.500000"),
        ("20210101080000", "Europe/Berlin", "07:00:00"),
        ("20210101080000", None, "03:00:00"),
    ],
)
def test_a_time_is_read_by_its_offset_the_zone_or_the_offset_of_the_header(
    written: str, zone: str | None, at: str
) -> None:
    content = message(
        header(msh_7="20210101120000+0500"),
        PATIENT,
        ORDER,
        rxa(rxa_3=written, rxa_4="", rxa_22=ENTERED),
    )
    found = read(content, Hl7Options(zone=ZoneInfo(zone) if zone else None))
    assert str(found.versions[0].events[0].event_time.time()) == at
    by_header = {"times without an offset, read by that of MSH-7": 1} if at == "03:00:00" else {}
    assert found.notes == by_header


def test_without_any_offset_a_time_is_rejected() -> None:
    content = message(header(msh_7="20210101120000"), PATIENT, ORDER, rxa())
    assert str(read(content).problem).startswith("MSH-7: has no offset")


def test_to_delete_a_record_takes_its_key_alone() -> None:
    deletion = message(HEADER, ORDER, rxa(rxa_21="D", rxa_3="20210101080000+0000"))
    [deleted], [given] = read(deletion).versions, read(usual()).versions
    assert (deleted.record_id, deleted.events) == (given.record_id, [])
    assert str(read(message(HEADER, ORDER, rxa(rxa_21="D"), rxa())).problem) == "PID: is missing"


@pytest.mark.parametrize("time", ["00010101000000+1400", "99991231235959-1200"])
def test_a_time_in_no_year_is_rejected(time: str) -> None:
    why = "lies outside the years 1 to 9999 in UTC: write it like 2021-01-01T02:00:00Z"
    assert str(read(usual(rxa(rxa_3=time))).problem) == f"RXA-3: {why}"
    assert str(read(message(header(msh_7=time), PATIENT, ORDER, rxa())).problem) == f"MSH-7: {why}"


def test_an_order_that_is_cancelled_is_told() -> None:
    found = read(message(HEADER, PATIENT, ORDER.replace("RE", "CA"), rxa(rxa_22=ENTERED)))
    assert found.edges == ["start 08:00", "stop 10:00"]
    assert sum(found.notes.values()) == 1
