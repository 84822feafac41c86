"""The frozen plan a configuration file becomes.

Rule: a plan is whole and faultless, or it does not exist; secrets are never in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from agent.core.model import EmrName, Finding, SiteId
from agent.core.sharing import SharingRules


@dataclass(frozen=True, slots=True)
class ClinicPlan:
    """[clinic]."""

    name: str
    contact: str
    language: str


@dataclass(frozen=True, slots=True)
class HubPlan:
    """[hub]; `url` is the hub's origin, https only, no trailing slash."""

    url: str
    proxy: str
    ca_file: str


@dataclass(frozen=True, slots=True)
class EmrPlan:
    """One [[emr]]; `options` are the adapter's own keys, defaults filled in. `poll` is also the tick."""

    id: EmrName
    adapter: str
    options: Mapping[str, object]
    bookings: str
    permission: str
    poll: timedelta
    line: int

    @property
    def is_wake(self) -> bool:
        """Say whether it only makes another source be read earlier: no slots, no sites, no codes of its own."""
        return self.options.get("role") == "wake"


@dataclass(frozen=True, slots=True)
class SitePlan:
    """One [[site]]."""

    id: SiteId
    emr: EmrName
    name: str
    address: str
    phone: str
    emr_code: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class BookingPlan:
    """[booking]. `other_channels`: codes of the EMR that another booking site fills, by its name."""

    label: str
    cancel_until: timedelta
    after_cancel: str
    max_per_hour: int
    other_channels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeskPlan:
    """[desk]. `smtp`: "server:port", `smtp_user`: "" = none, its password is the secret "smtp"."""

    folder: str
    email: tuple[str, ...]
    smtp: str
    email_from: str = ""
    smtp_user: str = ""
    smtp_ca_file: str = ""


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """[service]; `ledger_keep` in months."""

    data_dir: Path
    log_level: str
    ledger_keep: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole configuration. `sharing` has no veto and posture OPEN; wiring folds in what the journal keeps.

    `notes`: what is no fault but should be seen, such as a team that is too small.
    """

    file: Path
    clinic: ClinicPlan
    hub: HubPlan
    emrs: tuple[EmrPlan, ...]
    sites: tuple[SitePlan, ...]
    sharing: SharingRules
    booking: BookingPlan
    desk: DeskPlan
    service: ServicePlan
    notes: tuple[Finding, ...] = ()
