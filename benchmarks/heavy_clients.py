"""Clients that ask for patients' periods and explanations in turn, each without a pause.

`python -m benchmarks.heavy_clients URL PATIENTS CLIENTS SECONDS` prints how often they were
answered with which status.
"""

import asyncio
import json
import sys
import time
from collections import Counter

import aiohttp


def heavy_patient(number: int) -> str:
    """Name one of those that are asked about."""
    return f"heavy-{number}"


async def main(url: str, patients: int, clients: int, seconds: float) -> None:
    """Ask for so long, and print the statuses."""
    answers: Counter[int] = Counter()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(seconds + 150)) as session:

        async def ask(client: int) -> None:
            number = client
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                # Of different questions, none of which leaves anything out.
                query = {
                    "patient_id": heavy_patient(client % patients),
                    "explain": ["false", "true"][number % 2],
                    "from": f"1990-01-01T00:{client // 60:02}:{client % 60:02}Z",
                }
                async with session.get(f"{url}/periods", params=query) as answer:
                    async for _ in answer.content.iter_any():
                        pass
                answers[answer.status] += 1
                await asyncio.sleep(float(answer.headers.get("Retry-After", 0)))
                number += 1

        await asyncio.gather(*map(ask, range(clients)))
    print(json.dumps(answers))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
