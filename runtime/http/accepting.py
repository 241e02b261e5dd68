"""What a client would rather have, by its ``Accept`` headers: RFC 9110, 12.5."""

from collections.abc import Iterable, Sequence


def preferred(accept: str, offered: Sequence[str]) -> str:
    """Return which of the media types that are offered a client likes best.

    Of equals it is the first, as where the client likes none: there is more use in an answer of
    another type than in 406. A range that can't be read is left alone.
    """
    ranges = dict(_ranges(accept.split(",")))
    return max(offered, key=lambda kind: _quality(kind, ranges))


def takes_gzip(accept_encoding: str) -> bool:
    """Return whether a client takes an answer that is packed with gzip."""
    codings = dict(_ranges(accept_encoding.split(",")))
    found = (codings[each] for each in ("gzip", "x-gzip", "*") if each in codings)
    return next(found, 0.0) > 0


def _ranges(given: Iterable[str]) -> Iterable[tuple[str, float]]:
    for each in given:
        kind, *parameters = (part.strip().lower() for part in each.split(";"))
        named = {
            name.strip(): value for name, _, value in (part.partition("=") for part in parameters)
        }
        try:
            yield kind, float(named.get("q", 1))
        except ValueError:
            continue


def _quality(kind: str, ranges: dict[str, float]) -> float:
    whole_family = f"{kind.partition('/')[0]}/*"
    found = (ranges[each] for each in (kind, whole_family, "*/*") if each in ranges)
    return next(found, 0.0)
