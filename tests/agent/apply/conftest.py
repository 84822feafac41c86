"""A clinic with three free slots."""

import pytest

from tests.agent.apply.scene import S1, S2, S3, Agenda, Clinic, Journal


@pytest.fixture
def clinic() -> Clinic:
    return Clinic(Agenda({slot.key: slot for slot in (S1, S2, S3)}), Journal())
