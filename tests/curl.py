"""As much of curl as the README shows, for machines without it: `python -m tests.curl URL`."""

import argparse
import sys
from pathlib import Path

import httpx


def main() -> None:
    """Ask once and write the answer to standard output; an option that it does not know ends it."""
    arguments = argparse.ArgumentParser(prog="curl", allow_abbrev=False)
    arguments.add_argument("url")
    arguments.add_argument("-s", "--silent", action="store_true")
    arguments.add_argument("-H", "--header", action="append", default=[])
    body = arguments.add_mutually_exclusive_group()
    body.add_argument("-d", "--data", type=_without_line_ends, dest="body")
    body.add_argument("--data-binary", type=_given, dest="body")
    body.add_argument("--json", type=_given)
    asked = arguments.parse_args()
    pairs = (each.split(": ", 1) for each in asked.header)
    headers = {name.lower(): value for name, value in pairs}
    if asked.json is not None:
        json = {"content-type": "application/json", "accept": "application/json"}
        answer = httpx.post(asked.url, content=asked.json, headers=json | headers)
    elif asked.body is not None:
        form = {"content-type": "application/x-www-form-urlencoded"}
        answer = httpx.post(asked.url, content=asked.body, headers=form | headers)
    else:
        answer = httpx.get(asked.url, headers=headers)
    sys.stdout.buffer.write(answer.content)


def _given(text: str) -> bytes:
    """Read what an option gives: @ names a file."""
    return Path(text[1:]).read_bytes() if text.startswith("@") else text.encode()


def _without_line_ends(text: str) -> bytes:
    """Read it as --data does, which drops the line ends and NULs of a file."""
    given = _given(text)
    return given.translate(None, b"\r\n\0") if text.startswith("@") else given


if __name__ == "__main__":
    main()
