"""A yardstick: a FastAPI route that returns the bytes of a file and does nothing else."""

import os
from pathlib import Path

from fastapi import FastAPI, Response

_CONTENT = Path(os.environ["ANSWER"]).read_bytes()
app = FastAPI()


@app.get("/periods")
async def answer() -> Response:
    """Return the file's bytes."""
    return Response(_CONTENT, media_type="application/json")
