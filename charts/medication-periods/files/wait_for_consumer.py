"""Waits for consumers of this version: what is published here, one before could not store.

Behind one address there may be several, of which some are still to be replaced: so many answers in
a row must be of this version, each over a connection of its own. Consumers who do not answer store
nothing wrong: what is published meanwhile waits in RabbitMQ. So after a while without any answer
the publisher starts all the same.
"""

import json
import os
import ssl
import time
from http.client import HTTPException
from urllib.request import HTTPSHandler, ProxyHandler, build_opener

ADDRESS = f"{os.environ['CONSUMER']}/openapi.json"
ANSWERS = int(os.environ["ANSWERS"])
MAJOR = int(os.environ["MAJOR_VERSION"])
PATIENCE = float(os.environ["PATIENCE_SECONDS"])
SECONDS_BETWEEN = 0.25
# Nothing is told to who answers, and nothing believed but a version: it needs no authority.
CONTEXT = ssl.create_default_context()
CONTEXT.check_hostname = False
CONTEXT.verify_mode = ssl.CERT_NONE
# The service is in this cluster, whatever proxy is set.
OPENER = build_opener(ProxyHandler({}), HTTPSHandler(context=CONTEXT))


def ask() -> tuple[int | None, str]:
    """Return a consumer's major version, None where none answers, and what to tell of it."""
    try:
        with OPENER.open(ADDRESS, timeout=5) as answer:
            version = str(json.load(answer)["info"]["version"])
        return int(version.partition(".")[0]), f"consumers are of version {version}"
    except (OSError, HTTPException, ValueError, LookupError, TypeError) as error:
        return None, f"no consumer answers at {ADDRESS}: {error}"


told = ""
in_a_row = 0
answered_at = time.monotonic()
while in_a_row < ANSWERS:
    major, found = ask()
    if found != told:
        print(found, flush=True)
        told = found
    if major is None:
        if time.monotonic() - answered_at > PATIENCE:
            print("starting all the same: what is published waits in RabbitMQ")
            break
    else:
        answered_at = time.monotonic()
    is_new = major is not None and major >= MAJOR
    in_a_row = in_a_row + 1 if is_new else 0
    time.sleep(SECONDS_BETWEEN if is_new else 1)
