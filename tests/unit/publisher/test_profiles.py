"""Tables of hospitals, read by the profiles that are shipped, and by others."""

import asyncio
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer_app.rules.periods import medication_periods
from contracts import MedicationEvent, RecordVersion, Report
from publisher_app.check import check_file
from publisher_app.failures import UnreadableInput
from publisher_app.formats.profiles import Profile, ProfileProblem, read_profile, shipped_names
from publisher_app.formats.recognition import Formats
from publisher_app.formats.versions import in_order_of_code_points
from publisher_app.inputs.files import FileOutcome, open_file, publish_file
from publisher_app.intake import Intake
from publisher_app.settings import PublisherSettings
from tests.records import newest_of
from tests.unit.publisher.fhir.reading import administration
from tests.unit.publisher.hl7.messages import rxa, usual
from tests.unit.publisher.test_whole_files import Keeping

EXAMPLES = Path("examples/profiles").resolve()


class Read:
    """What became of a file."""

    def __init__(self, reports: list[Report], said: str) -> None:
        self.said = said
        alone = [each for each in reports if isinstance(each, MedicationEvent)]
        versions = [each for each in reports if isinstance(each, RecordVersion)]
        self.records = [each.record_id for each in versions]
        self.events = [*alone, *(e for each in newest_of(versions) for e in each.events)]

    def periods(self, patient: str) -> list[str]:
        """Write a patient's periods as ``Heparin 01-05 08:30 to 01-05 09:00``."""
        theirs = [each for each in self.events if each.patient_id == patient]
        found = medication_periods(theirs).periods
        return [
            f"{each.medication_name} {each.start:%m-%d %H:%M} to "
            + (f"{each.end:%m-%d %H:%M}" if each.end else "now")
            for each in found
        ]


def read(file: Path, profile: Profile | None, **settings: object) -> Read:
    told = PublisherSettings.model_validate({"profile": profile, **settings})
    publisher, outcome = Keeping(), FileOutcome()

    async def publish() -> None:
        with open_file(str(file), settled_seconds=0) as opened:
            formats, intake = Formats(told), Intake(publisher, told)
            await publish_file(opened, formats, intake, outcome, lambda _: None, file.parent / "r")

    asyncio.run(publish())
    return Read(publisher.reports, str(outcome))


def shipped(name: str, folder: Path, **settings: object) -> Read:
    """Read the example of a shipped profile."""
    profile = read_profile(name)
    file = folder / "copy.csv"
    file.write_bytes((EXAMPLES / f"{name}.csv").read_bytes())
    return read(file, profile, **settings)


def test_each_profile_that_is_shipped_has_an_example() -> None:
    names = {each.stem for each in EXAMPLES.glob("*.csv")} - {"d_items"}
    assert names == {*shipped_names()}


def test_mimic_emar_rows_are_events_by_their_words(tmp_path: Path) -> None:
    found = shipped("mimic-iv-emar", tmp_path)
    assert found.periods("10001") == [
        "Heparin 01-05 08:00 to 01-05 12:00",
        "Aspirin 01-05 09:00 to 01-05 09:00",
    ]
    assert "rejected 1" in found.said


@pytest.fixture
def d_items(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the names of MIMIC's items, packed as published, where the publisher is started."""
    packed = gzip.compress((EXAMPLES / "d_items.csv").read_bytes())
    (tmp_path / "d_items.csv.gz").write_bytes(packed)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("d_items")
def test_mimic_inputevents_are_intervals_and_a_rewritten_row_is_void(tmp_path: Path) -> None:
    found = shipped("mimic-iv-inputevents", tmp_path)
    assert found.periods("10001") == [
        "Norepinephrine 01-05 08:00 to 01-05 10:00",
        "Norepinephrine 01-05 10:00 to 01-05 11:30",
    ]


def test_omop_dates_are_whole_days_and_the_end_is_within(tmp_path: Path) -> None:
    found = shipped("omop-drug-exposure", tmp_path, as_of="2021-02-01T00:00:00Z")
    assert found.periods("7") == [
        "Amlodipine 5 MG 01-05 00:00 to 01-08 00:00",
        "Heparin 01-06 08:30 to 01-06 09:00",
        "Insulin 01-09 00:00 to now",
    ]


def test_the_rows_of_an_export_without_versions_need_its_time(tmp_path: Path) -> None:
    assert "rejected 3" in shipped("omop-drug-exposure", tmp_path).said


def test_synthea_gives_a_closed_and_an_open_period(tmp_path: Path) -> None:
    found = shipped("synthea-medications", tmp_path)
    assert found.periods("XI1") == [
        "Amlodipine 2.5 MG 01-05 08:30 to 01-15 08:30",
        "Amlodipine 2.5 MG 01-16 08:30 to now",
    ]


def test_clif_starts_and_stops_have_edges_and_nothing_else_has(tmp_path: Path) -> None:
    found = shipped("clif-medication-admin-continuous", tmp_path)
    assert found.periods("h1") == ["propofol 01-05 08:00 to 01-05 12:00"]
    assert "rows that report neither a start nor a stop: 2" in found.said


def test_intervals_without_an_order_are_orders_of_their_own(tmp_path: Path) -> None:
    found = shipped("intervals", tmp_path)
    # Of one order 8 to 10 and 9 to 11 would fold to 8 to 10.
    assert found.periods("1") == ["Heparin 01-05 08:00 to 01-05 11:00"]
    assert found.periods("2") == ["Heparin 01-05 08:00 to now"]


def profile_of(folder: Path, text: str) -> Path:
    file = folder / "profile.toml"
    file.write_text(text)
    return file


EVENTS = """
source = "ward"
[table]
rows = "events"
[table.columns]
patient_id = "mrn"
medication_name = "drug"
action = "what"
event_time = "day + clock"
[table.actions]
"Gabe" = "point"
"Storno" = "void"
[table.times]
zone = "Europe/Berlin"
formats = ["%d.%m.%Y %H:%M"]
[table.record]
id = ["row"]
version = { column = "changed", written_as = "number" }
[table.ignore]
drug = ["Test"]
"""
HEADER = "mrn,drug,what,day,clock,row,changed\n"


def test_a_row_that_is_void_takes_back_what_an_earlier_version_said(tmp_path: Path) -> None:
    profile = read_profile(str(profile_of(tmp_path, EVENTS)))
    file = tmp_path / "rows.csv"
    first = "1,Heparin,Gabe,05.01.2021,08:30,7,1\n1,Aspirin,Gabe,05.01.2021,10:00,8,9\n"
    file.write_text(HEADER + first + "1,Test,?,,,,\n")
    assert read(file, profile).periods("1") == [
        "Heparin 01-05 07:30 to 01-05 07:30",
        "Aspirin 01-05 09:00 to 01-05 09:00",
    ]
    file.write_text(HEADER + "1,Heparin,Storno,05.01.2021,08:30,7,10\n" + first)
    found = read(file, profile)
    assert found.periods("1") == ["Aspirin 01-05 09:00 to 01-05 09:00"]
    assert "rejected 0" in found.said
    assert "rows that take a record back: 1" in found.said
    assert "neither a start nor a stop" not in found.said


def test_numbers_are_times_where_the_profile_says_what_they_count(tmp_path: Path) -> None:
    text = """
[table]
rows = "intervals"
[table.columns]
patient_id = "p"
medication_name = "m"
start = "s"
stop = "e"
[table.times]
count = "minutes"
origin = "2021-01-05T00:00:00Z"
"""
    file = tmp_path / "rows.csv"
    file.write_text("p,m,s,e\n1,Heparin,60,90.5\n1,Heparin,x,1e99\n")
    found = read(file, read_profile(str(profile_of(tmp_path, text))))
    assert found.periods("1") == ["Heparin 01-05 01:00 to 01-05 01:30"]
    assert "rejected 1" in found.said


def test_the_origin_of_times_that_are_counted_may_have_an_offset(tmp_path: Path) -> None:
    text = """
[table]
rows = "events"
columns = { patient_id = "mrn", medication_name = "drug", action = "what", event_time = "at" }
actions = { Gabe = "point" }
times = { count = "minutes", origin = 2021-01-05T00:00:00+01:00 }
"""
    file = tmp_path / "rows.csv"
    file.write_text("mrn,drug,what,at\n1,Heparin,Gabe,90\n")
    [start, _] = read(file, read_profile(str(profile_of(tmp_path, text)))).events
    assert (start.event_time, start.event_time.tzinfo) == (
        datetime(2021, 1, 5, 0, 30, tzinfo=UTC),
        UTC,
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("[table]", "[tabel]"), "tabel: is no key of a profile"),
        (('rows = "events"', 'rows = "rows"'), "table.rows: Input should be 'events' or "),
        (('mrn"', 'mrn"\ndose = "d"'), "table.columns.dose: is no field: "),
        (('what"', '"'), "table.columns.action: name a column"),
        (('action = "what"\n', ""), "table.columns.action: is needed for events"),
        (('"point"', '"interval"'), "table.actions.Gabe: of events it is one of "),
        (
            ("Europe/Berlin", "Mars"),
            "table.times.zone: is no known time zone: write it like Europe/Berlin",
        ),
        (("%d.%m.%Y %H:%M", "%d.%m"), "table.times.formats: '%d.%m' tells no year"),
        (('source = "ward"', ""), "source: is needed where rows are versions of records"),
        (('column = "changed", ', ""), "table.record.version: name a column, or written_as"),
        (("[table]", "[table"), "is not TOML"),
        (("[table.ignore]", "[hl7]"), "hl7.drug: is no key of a profile"),
        (
            ('rows = "events"', 'rows = "events"\nencoding = "klingon"'),
            "table.encoding: is no known",
        ),
        (('rows = "events"', 'rows = "events"\ndelimiter = "||"'), "table.delimiter: is one char"),
        (('rows = "events"', 'rows = "events"\nskip_lines = -1'), "table.skip_lines: Input should"),
        (
            ("formats =", 'origin = "yesterday"\nformats ='),
            "table.times.origin: is not an ISO 8601",
        ),
        (("[table.record]", "[table.records]"), "table.records: is no key of a profile"),
        (('id = ["row"]', "id = []"), "table.record.id: List should have at least 1 item"),
        (('source = "ward"', 'source = "a/b"'), "source: holds a slash"),
        (
            ('rows = "events"', 'rows = "events"\noptional = ["dose"]'),
            "table.optional: dose is none",
        ),
        (
            (
                "[table.ignore]",
                '[table.look_up]\naction = { file = "", key = "", value = "" }\n[table.ignore]',
            ),
            "table.look_up.action: of this table it is one of patient_id, medication_name",
        ),
        (("formats =", 'count = "minutes"\nformats ='), "then: leave out zone and formats"),
        (("formats =", 'origin = "2021-01-01T00:00:00Z"\nformats ='), "table.times.origin: is of"),
        (('action = "what"', ""), "table.columns.action: is needed for events"),
        (('"day + clock"', '"day + "'), "table.columns.event_time: name a column"),
        (("[table.ignore]", '[hl7]\ncharset = "?"\n[table.ignore]'), "hl7.charset: is no known"),
    ],
)
def test_what_is_wrong_with_a_profile_is_told(
    change: tuple[str, str], told: str, tmp_path: Path
) -> None:
    with pytest.raises(ProfileProblem) as caught:
        read_profile(str(profile_of(tmp_path, EVENTS.replace(*change))))
    assert str(caught.value).startswith("profile.toml")
    assert told in str(caught.value)


def test_a_profile_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(ProfileProblem, match=r"there is no such profile: .* mimic-iv-emar"):
        read_profile("mimic")


def test_a_table_without_a_column_of_the_profile_is_unreadable(tmp_path: Path) -> None:
    profile = read_profile(str(profile_of(tmp_path, EVENTS)))
    file = tmp_path / "rows.csv"
    file.write_text(HEADER.replace("clock", "time") + "1,Heparin,Gabe,05.01.2021,08:30,7,1\n")
    with pytest.raises(UnreadableInput) as caught:
        read(file, profile)
    assert str(caught.value).removeprefix(f"{file} can't be read: ") == (
        "it has no column clock; the columns are mrn, drug, what, day, time, row, changed; name "
        "others in the profile"
    )
    file.write_text(HEADER.replace("drug", "drugs"))
    with pytest.raises(UnreadableInput, match=r"no column drug \(the nearest is drugs\); the col"):
        read(file, profile)


@pytest.mark.parametrize("first", ["MILLER;JOHN;4711", "4711#Heparin#Gabe#05.01.2021#08:30"])
def test_a_first_line_that_may_be_a_patient_s_is_not_told_but_what_the_profile_can_say(
    first: str, tmp_path: Path
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(f"{first}\n")
    with pytest.raises(UnreadableInput) as caught:
        read(file, read_profile(str(profile_of(tmp_path, EVENTS))))
    told = str(caught.value)
    assert "its first line is no header, as it names none of mrn, drug, what, day, clock" in told
    assert "(skip_lines)" in told
    assert "(delimiter)" in told
    assert not any(each in told for each in ("MILLER", "4711"))


@pytest.mark.parametrize("again", [1, 2])
def test_what_is_set_beside_a_profile_that_says_it_otherwise_is_told_once(
    again: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = PublisherSettings.model_validate(
        {
            "profile": read_profile(str(profile_of(tmp_path, EVENTS))),
            "map": ["patient_id=MRN"],
            "timezone": "America/New_York",
            "time_format": ["%Y/%m/%d %H:%M"],
        }
    )
    file, formats = tmp_path / "rows.csv", Formats(settings)
    file.write_text(HEADER + "1,Heparin,Gabe,05.01.2021,08:30,7,1\n")
    for _ in range(again):
        with open_file(str(file), settled_seconds=0) as opened:
            assert check_file(opened, formats).rejected == 0
    assert caplog.messages == [
        "the profile comes first: --map (PUBLISHER_MAP) is not used; --time-format "
        "(PUBLISHER_TIME_FORMAT) is not used; the zone is Europe/Berlin, and not that of "
        "--timezone (PUBLISHER_TIMEZONE)"
    ]


@pytest.mark.parametrize(
    ("part", "content", "is_told"),
    [
        ("hl7", usual(rxa()), True),
        ("fhir", json.dumps(administration()).encode(), True),
        ("hl7", json.dumps(administration()).encode(), False),
    ],
)
def test_the_zone_that_a_profile_names_for_a_format_comes_first_and_that_is_told(
    part: str, content: bytes, *, is_told: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    profile = read_profile(str(profile_of(tmp_path, f'[{part}]\nzone = "Europe/Berlin"\n')))
    file = tmp_path / "content"
    file.write_bytes(content)
    checked(
        file, PublisherSettings.model_validate({"profile": profile, "timezone": "Europe/London"})
    )
    zones = "the zone is Europe/Berlin, and not that of --timezone (PUBLISHER_TIMEZONE)"
    assert caplog.messages == ([f"the profile comes first: {zones}"] if is_told else [])


def test_a_check_shows_what_is_in_a_file_and_publishes_nothing(tmp_path: Path) -> None:
    settings = PublisherSettings(profile=read_profile(str(profile_of(tmp_path, EVENTS))))
    file = tmp_path / "rows.csv"
    rows = [
        "1,Heparin,Gabe,05.01.2021,08:30,7,1",
        "001,Heparin,Gabe,05.01.2999,08:30,8,1",
        '"=""0042""",Heparin,Gabe,05.01.2021,08:30,9,1',
        "1,Heparin,Hung,05.01.2021,08:30,10,1",
        "1,Heparin,Hung,05.01.2021,09:30,11,1",
    ]
    file.write_text(HEADER + "\n".join(rows) + "\n")
    with open_file(str(file), settled_seconds=0) as opened:
        told = str(check_file(opened, Formats(settings))).splitlines()

    assert told[0] == (
        f"{file}: 5 records, 6 events in 3 versions of records, 2 rejected; 3 patients, "
        "2021-01-05 to 2999-01-05"
    )
    assert told[1] == "columns: mrn, drug, what, day, clock, row, changed"
    assert "events:         3  start" in told
    assert (
        "rejected:         2  action: is none of the words that the profile names: 'Hung'" in told
    )
    assert "look at:         2  events in the future" in told
    assert (
        "look at:         1  patients whose identifiers differ in leading zeros or case alone"
        in told
    )
    assert (
        'look at:         1  patients as a spreadsheet writes them: 1.2E+10, 1,2E+10 or ="001"'
        in told
    )
    assert "first: 2021-01-05 07:30:00Z start 1 Heparin" in told


def test_words_without_their_column_are_refused_as_void_rows_would_be_published(
    tmp_path: Path,
) -> None:
    text = (EXAMPLES.parents[1] / "publisher_app/profiles/mimic-iv-inputevents.toml").read_text()
    file = profile_of(tmp_path, text.replace('action = "statusdescription"\n', ""))
    with pytest.raises(ProfileProblem, match=r"table\.actions: what words mean needs"):
        read_profile(str(file))


def test_a_look_up_with_two_names_for_one_code_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "d_items.csv").write_text("itemid,label\n7,Heparin\n7,Heparin\n7,Insulin\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProfileProblem, match=r"d_items.csv has two names for 7$"):
        read_profile("mimic-iv-inputevents")


def test_a_name_that_no_file_can_have_is_no_profile() -> None:
    with pytest.raises(ProfileProblem, match="there is no such profile"):
        read_profile("x" * 300)


def test_no_setting_makes_one_source_of_two_profiles(tmp_path: Path) -> None:
    found = [
        shipped(name, tmp_path, source="ward", as_of="2021-02-01T00:00:00Z").records
        for name in ("mimic-iv-emar", "omop-drug-exposure")
    ]
    assert [{each.partition("/")[0] for each in records} for records in found] == [
        {"mimic-iv-emar"},
        {"omop"},
    ]


def test_a_look_up_that_is_not_there_is_told_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProfileProblem) as caught:
        read_profile("mimic-iv-inputevents")
    assert str(caught.value).endswith(f"table.look_up: d_items.csv is needed in {tmp_path}")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (
            "1,Heparin,Gabe,05.01.2021,08:30,a\u200bb,1",
            "record_id: holds invisible characters: remove U+200B",
        ),
        (f"1,Heparin,Gabe,05.01.2021,08:30,7,{'9' * 300}", "record_version: String should have at"),
    ],
)
def test_what_the_contract_refuses_of_a_version_is_rejected(
    row: str, reason: str, tmp_path: Path
) -> None:
    text = EVENTS.replace('written_as = "number"', 'written_as = "text"')
    file = tmp_path / "rows.csv"
    file.write_text(f"{HEADER}{row}\n1,Aspirin,Gabe,05.01.2021,08:30,8,1\n")
    found = read(file, read_profile(str(profile_of(tmp_path, text))))
    assert found.periods("1") == ["Aspirin 01-05 07:30 to 01-05 07:30"]
    [reject] = map(json.loads, (tmp_path / "r").read_text().splitlines())
    assert reject["reason"].startswith(reason)


@given(st.lists(st.text("129az!.-~ /\\", min_size=1).map(str.strip).filter(bool), min_size=2))
def test_of_versions_written_as_text_the_highest_text_counts(texts: list[str]) -> None:
    ranks = [f"{in_order_of_code_points(each)} {hash(each) % 7:x}" for each in texts]
    highest = max((" ".join(each.split()) for each in texts), key=lambda text: [*map(ord, text)])
    assert " ".join(texts[ranks.index(max(ranks))].split()) == highest


def test_keys_of_several_columns_are_one_record_only_where_each_of_them_is_equal(
    tmp_path: Path,
) -> None:
    text = EVENTS.replace('id = ["row"]', 'id = ["mrn", "row"]')
    file = tmp_path / "rows.csv"
    rows = [
        f"{mrn},Heparin,Gabe,05.01.2021,0{hour}:30,{row},1"
        for hour, (mrn, row) in enumerate(
            [("a", "b/c"), ("a/b", "c"), ("a\\", "/c"), ("a\\/", "c")]
        )
    ]
    file.write_text(HEADER + "\n".join(rows) + "\n")
    assert len(read(file, read_profile(str(profile_of(tmp_path, text)))).events) == 2 * len(rows)


def test_the_delimiter_that_a_profile_names_parts_the_columns(tmp_path: Path) -> None:
    text = EVENTS.replace('rows = "events"', 'rows = "events"\ndelimiter = "#"')
    file = tmp_path / "rows.csv"
    row = "1#Heparin, Na; 5|10#Gabe#05.01.2021#08:30#7#1"
    file.write_text(f"{HEADER.replace(',', '#')}{row}\n")
    found = read(file, read_profile(str(profile_of(tmp_path, text))))
    assert found.periods("1") == ["Heparin, Na; 5|10 01-05 07:30 to 01-05 07:30"]


def test_dates_may_be_written_in_another_way(tmp_path: Path) -> None:
    text = """
[table]
rows = "intervals"
columns = { patient_id = "p", medication_name = "m", start = "s", stop = "e" }
times = { zone = "UTC", dates = "end inclusive", formats = ["%d.%m.%Y", "%d.%m.%Y %H:%M"] }
"""
    file = tmp_path / "rows.csv"
    rows = ["05.01.2021,06.01.2021", "07.01.2021 08:00,08.01.2021", "2021-01-09,2021-01-09"]
    file.write_text("p,m,s,e\n" + "".join(f"1,Heparin,{each}\n" for each in rows))
    found = read(file, read_profile(str(profile_of(tmp_path, text))))
    assert found.periods("1") == [
        "Heparin 01-05 00:00 to 01-07 00:00",
        "Heparin 01-07 08:00 to 01-09 00:00",
        "Heparin 01-09 00:00 to 01-10 00:00",
    ]


def checked(file: Path, settings: PublisherSettings) -> str:
    with open_file(str(file), settled_seconds=0) as opened:
        return str(check_file(opened, Formats(settings)))


def test_a_check_finds_stops_before_any_start_in_whichever_order_they_stand(tmp_path: Path) -> None:
    rows = [
        "1,Heparin,stop,2021-01-01T08:00:00Z,a",
        "1,Heparin,start,2021-01-01T07:00:00Z,a",
        "1,Heparin,start,2021-01-01T09:00:00Z,b",
        "1,Heparin,stop,2021-01-01T08:00:00Z,b",
        '1,Heparin,stop,2021-01-01T08:00:00Z,"1,23457E+11"',
    ]
    file = tmp_path / "rows.csv"
    header = "patient_id,medication_name,action,event_time,order_id\n"
    for each in (rows, rows[::-1]):
        file.write_text(header + "\n".join(each) + "\n")
        told = checked(file, PublisherSettings())
        assert (
            "look at:         2  orders with a stop before any start, such as 1 Heparin 1,23457E+11"
            in told
        )
        assert "look at:         1  orders as a spreadsheet writes them" in told


def test_a_check_asks_whether_doses_share_a_record(tmp_path: Path) -> None:
    times = ["20210101080000+0000", "20210101120000+0000"]
    file = tmp_path / "messages.hl7"
    file.write_bytes(b"".join(usual(rxa(rxa_3=each, rxa_4="")) for each in times))
    told = checked(file, PublisherSettings())
    assert "look at:         1  records whose versions begin at different times" in told
    by_start = profile_of(tmp_path, "[hl7]\nby_start = true\n")
    settings = PublisherSettings(profile=read_profile(str(by_start)))
    assert "look at" not in checked(file, settings)


def test_a_check_asks_nothing_of_rows_that_are_corrected(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    rows = ("1,Heparin,Gabe,05.01.2021,08:30,7,1", "1,Heparin,Gabe,05.01.2021,09:30,7,2")
    file.write_text(HEADER + "\n".join(rows) + "\n")
    profile = read_profile(str(profile_of(tmp_path, EVENTS)))
    assert "look at" not in checked(file, PublisherSettings(profile=profile))


def test_a_profile_is_named_by_a_variable_and_what_is_posted_has_its_own_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBLISHER_PROFILE", str(profile_of(tmp_path, EVENTS)))
    settings = PublisherSettings()
    assert settings.profile is not None
    assert settings.profile.source == "ward"
    assert Formats(settings).columns.is_header(
        ["patient_id", "medication_name", "action", "event_time"]
    )


def test_a_profile_chooses_whose_identifiers_fhir_is_read_by_and_what_its_methods_say(
    tmp_path: Path,
) -> None:
    profile = """
source = "mimic-fhir"
[fhir]
patient_system = "urn:mimic:patient"
methods = { "Started" = "start", "Stopped" = "stop" }
"""
    identifiers = [
        {"system": "urn:other", "value": "7"},
        {"system": "urn:mimic:patient", "value": "10001"},
    ]
    of_row = {"medicationCodeableConcept": {"text": "Heparin"}}
    of_row |= {
        "subject": {"reference": "Patient/p"},
        "request": {"reference": "MedicationRequest/9"},
    }
    resources: list[dict[str, object]] = [
        administration(
            id=str(hour),
            effectivePeriod=None,
            effectiveDateTime=f"2021-01-05T0{hour}:00:00Z",
            dosage={"method": {"text": word}},
            **of_row,
        )
        for hour, word in ((8, "Started"), (9, "Stopped"))
    ]
    resources.append({"resourceType": "Patient", "id": "p", "identifier": identifiers})
    file = tmp_path / "resources.ndjson"
    file.write_text("".join(f"{json.dumps(each)}\n" for each in resources))
    found = read(file, read_profile(str(profile_of(tmp_path, profile))))
    assert found.periods("10001") == ["Heparin 01-05 08:00 to 01-05 09:00"]
    assert {each.order_id for each in found.events} == {"9"}
    assert found.records == ["mimic-fhir/8", "mimic-fhir/9"]
