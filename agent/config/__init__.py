"""The clinic's file: TOML in, one frozen plan out."""

from agent.config.example import WAYS, example_text, write_example
from agent.config.plan import BookingPlan, ClinicPlan, DeskPlan, EmrPlan, HubPlan, Plan, ServicePlan, SitePlan
from agent.config.reading import applied_rules, data_folder, locate, read_plan, sharing_text
from agent.core.sheet import Fault, Faults

__all__ = [
    "WAYS",
    "BookingPlan",
    "ClinicPlan",
    "DeskPlan",
    "EmrPlan",
    "Fault",
    "Faults",
    "HubPlan",
    "Plan",
    "ServicePlan",
    "SitePlan",
    "applied_rules",
    "data_folder",
    "example_text",
    "locate",
    "read_plan",
    "sharing_text",
    "write_example",
]
