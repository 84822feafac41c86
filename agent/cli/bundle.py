"""`creneau bundle`: an archive for support, shown before it is written.

Rule: what is written is what was shown, byte for byte.
"""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Annotated

import typer

from agent.cli.session import Session, session
from agent.core.errors import Misconfigured
from agent.core.message import say

FILE = typer.Argument(metavar="[FILE]", help=say("The archive to write; creneau-bundle.zip by default.").id)
YES = typer.Option("--yes", help=say("Do it without asking.").id)
LINES, LONGEST_S = "2000", 30


def bundle(
    ctx: typer.Context, file: Annotated[Path, FILE] = Path("creneau-bundle.zip"), yes: Annotated[bool, YES] = False
) -> None:
    """Gather, show, ask, write."""
    here = session(ctx)
    files = here.ask("bundle", log=_log(here))["files"]
    if not here.put({"file": str(file), "files": files}):
        for name, text in files.items():
            here.write(f"==== {name}")
            here.write(text)
    here.confirm(say("Write all of this, and nothing else, into {file}?", file=str(file)), yes=yes)
    try:
        with file.open("xb") as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in files.items():
                archive.writestr(zipfile.ZipInfo(name), text)
    except OSError as cause:
        says, hint = say("the file cannot be written"), say("choose another place")
        raise Misconfigured(say("write the archive"), says, hint, file=str(file)) from cause
    if not here.as_json:
        here.tell(say("Wrote {file}.", file=str(file)))


def _log(here: Session) -> list[str]:
    """Return the log's last lines where this account may read them: the journal of systemd, or the file beside the state."""
    tool = shutil.which("journalctl")
    if tool and sys.platform != "win32":
        words = [tool, "--unit=creneau", "--no-pager", "--quiet", "--output=cat", f"--lines={LINES}"]
        try:
            done = subprocess.run(words, capture_output=True, check=False, timeout=LONGEST_S)  # noqa: S603 - fixed words
        except (OSError, subprocess.SubprocessError):
            return []
        return done.stdout.decode("utf-8", "replace").splitlines()
    try:
        file = Path(here.plan().service.data_dir) / "creneau.log"
        return file.read_text("utf-8", "replace").splitlines()[-int(LINES) :]
    except OSError:
        return []
