"""Write the hub's contract (OpenAPI 3.1): `python -m hub.contract`.

Rule: the file is the application's own words; a test keeps the two equal.
"""

import json
import tempfile
from pathlib import Path

from fastapi import FastAPI

from hub import desk
from hub.app import make_app
from hub.clock import WallClock


def contract(app: FastAPI) -> str:
    """Return the contract as it is published."""
    return json.dumps(app.openapi(), ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def write(file: Path) -> None:
    """Write the contract of a new hub."""
    with tempfile.TemporaryDirectory() as folder:
        desk.init(Path(folder), "https://hub.example.org")
        app = make_app(Path(folder), WallClock())
        file.write_text(contract(app), encoding="utf-8")
        app.state.hub.close()


if __name__ == "__main__":
    write(Path(__file__).with_name("openapi.json"))
