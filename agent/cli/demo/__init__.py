"""`creneau demo`: the whole job on a made-up clinic, with no server, in under half a minute.

Rule: nothing shown is staged; each line is read back from the EMR, the hub or the ledger.
"""

import logging
import tempfile
import threading
from pathlib import Path

from agent.cli.demo.scenes import SCENES
from agent.cli.demo.stage import Stage
from agent.cli.session import Session
from agent.core.message import say


def run(here: Session, *, serve: bool = False) -> None:
    """Play every scene in a temporary folder and leave nothing behind; `serve` keeps it running until Ctrl+C."""
    from agent.wiring.sample import Sample

    logging.getLogger("creneau").setLevel(logging.CRITICAL)  # the hub is cut on purpose: the screen tells it better
    with tempfile.TemporaryDirectory(prefix="creneau-") as folder, Sample(Path(folder)) as sample:
        stage = Stage(here, sample)
        for number, scene in enumerate(SCENES, 1):
            stage.title(number, scene.title)
            scene.play(stage)
        here.write()
        here.tell(say("All of it was real: EMR tables, HTTPS, signatures, journal. Nothing is left behind."))
        if serve:
            _serve(stage)


def _serve(stage: Stage) -> None:
    """Keep clinic, hub and agent running and say how to look at them."""
    sample = stage.sample
    stage.here.write()
    stage.tell(say("It goes on until Ctrl+C. In another terminal:"))
    stage.here.write(f"  creneau --config {sample.file} status")
    stage.here.write(f"  creneau --config {sample.file} preview")
    if sample.hub is not None:
        stage.here.write(f"  {sample.hub.url}/docs   (CA: {sample.hub.ca_file})")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        stage.here.write()
