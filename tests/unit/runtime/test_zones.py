"""A time zone is one of IANA's, by a name that means the same on every machine and in browsers."""

import pytest

from runtime.zones import read_zone


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/Argentina/Buenos_Aires", "UTC", "GMT0"])
def test_a_zone_is_read_by_its_name(name: str) -> None:
    assert str(read_zone(name)) == name


@pytest.mark.parametrize(
    "name",
    [
        "Europe/Atlantis",
        "../etc/passwd",
        "",
        "localtime",
        "Factory",
        "posixrules",
        "posix/Europe/Berlin",
        "right/Europe/Berlin",
    ],
)
def test_what_names_no_zone_or_one_of_this_machine_alone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no known time zone: write it like Europe/Berlin"):
        read_zone(name)
