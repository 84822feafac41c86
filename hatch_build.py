"""Compile the message catalogues while a wheel or an editable install is made."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Turn every agent/locale/*/LC_MESSAGES/creneau.po into its .mo beside it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Run before the files are gathered."""
        for source in sorted(Path(self.root, "agent", "locale").glob("*/LC_MESSAGES/creneau.po")):
            with source.open("rb") as po, source.with_suffix(".mo").open("wb") as mo:
                catalogue = read_po(po)
                catalogue.creation_date = catalogue.revision_date = datetime.fromtimestamp(
                    0, UTC
                )  # else the time of the build
                write_mo(mo, catalogue)
