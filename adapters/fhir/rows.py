"""The table of a trial: each behaviour of a server, what it is called, and what follows where it is not kept.

Rule: sentences only; the order is that of the trial, and the first rows decide whether the others can be read at all.
"""

from collections.abc import Callable
from dataclasses import dataclass

from adapters.fhir import behaviour, habits
from adapters.fhir.behaviour import Seen
from adapters.fhir.scratch import Scratch
from agent.core.message import Message, say
from agent.core.model import Finding, Severity

NEEDED, DANGER, FACT = Severity.FAULT, Severity.WARN, Severity.NOTE
"""Without it nothing is written; without it something is not safe; without it we do otherwise, or nothing follows."""


@dataclass(frozen=True, slots=True)
class Row:
    """One behaviour. `key`: its stable word, "fhir.KEY" as a finding. `means`: what follows where it is not kept."""

    key: str
    act: Callable[[Scratch], Seen]
    weight: Severity
    name: Message
    means: Message

    @property
    def finding(self) -> Finding:
        """Return what follows where it is not kept."""
        return Finding(f"fhir.{self.key}", self.weight, self.means)


ROWS = (
    Row(
        "keeps",
        behaviour.keeps,
        NEEDED,
        say("appointments keep our names"),
        say("this FHIR server does not keep our mark on an appointment: nothing is written"),
    ),
    Row(
        "dated",
        behaviour.dated,
        NEEDED,
        say("appointments are found by their day"),
        say(
            "appointments are not found by their day here: a taken time may look free. Share nothing; nothing is written"
        ),
    ),
    Row(
        "versioned",
        behaviour.versioned,
        NEEDED,
        say("every slot tells its version"),
        say("this server tells no versions: an old change would overwrite a newer one unseen. Nothing is written"),
    ),
    Row(
        "page",
        behaviour.window,
        FACT,
        say("a page says whether more follows"),
        say("a full page may hide more here: keep `page` above the entries of one day, or nothing is taken away"),
    ),
    Row(
        "fresh",
        behaviour.fresh,
        DANGER,
        say("a search finds at once what was written"),
        say("what was just written is found only later: after a lost answer a person must look"),
    ),
    Row(
        "mark",
        behaviour.mark,
        DANGER,
        say("a slot keeps our mark"),
        say("a slot cannot be reserved here: two who book at once both think they have it"),
    ),
    Row(
        "stale-slot",
        behaviour.stale_slot,
        DANGER,
        say("a stale change of a slot is refused"),
        say("this server lets an old change of a slot overwrite a newer one"),
    ),
    Row(
        "stale-appointment",
        behaviour.stale_appointment,
        DANGER,
        say("a stale change of an appointment is refused"),
        say("this server lets an old change of an appointment overwrite a newer one"),
    ),
    Row(
        "race",
        behaviour.race_slot,
        DANGER,
        say("of eight who change a slot at once, one succeeds"),
        say("two who change one slot at the same moment both succeed here, and each thinks it is theirs"),
    ),
    Row(
        "deleted",
        behaviour.deleted,
        DANGER,
        say("a change of what was deleted is refused"),
        say("an appointment deleted at the very moment it is changed comes back here: cancel, never delete"),
    ),
    Row(
        "create-twice",
        behaviour.create_twice,
        FACT,
        say("a second creation of one booking finds the first"),
        say("this server does not look for the booking's name before it creates: Créneau looks itself"),
    ),
    Row(
        "create-race",
        behaviour.race_create,
        FACT,
        say("of eight who create one booking at once, one succeeds"),
        say("two who create one booking at once both succeed here: whoever created looks again and strikes the double"),
    ),
    Row(
        "own-id-once",
        behaviour.own_id_once,
        FACT,
        say("our id is taken only once"),
        say("a creation under our own id does not say whether there was one already: it is not relied on"),
    ),
    Row(
        "own-id",
        behaviour.own_id,
        FACT,
        say("an appointment may bear our id"),
        say("this server gives appointments ids of its own: ours are found by name"),
    ),
    Row(
        "transaction",
        behaviour.transaction,
        FACT,
        say("a failed transaction is undone whole"),
        say("a failed transaction is not undone here: slot and appointment are written one after the other"),
    ),
    Row(
        "tombstone",
        behaviour.tombstone,
        DANGER,
        say("a cancellation of nothing is remembered"),
        say("a cancellation that overtakes its booking is not remembered here"),
    ),
    Row(
        "patch",
        habits.patched,
        FACT,
        say("a stale PATCH is refused"),
        say("a PATCH overwrites newer changes here, whatever its If-Match: other programs may; Créneau sends none"),
    ),
    Row(
        "answers",
        habits.answered,
        FACT,
        say("a write answers with what it wrote and its version"),
        say("a write answers with little or nothing here: Créneau reads again what it wrote"),
    ),
    Row(
        "unmodified",
        habits.unmodified,
        FACT,
        say("what did not change is not sent again (304)"),
        say("what did not change is sent again whole: only the line is busier"),
    ),
    Row(
        "unchanged",
        habits.unchanged,
        FACT,
        say("a change that changes nothing makes no new version"),
        say("a change that changes nothing makes a new version here: others look once more, nothing else follows"),
    ),
    Row(
        "renewed",
        habits.renewed,
        FACT,
        say("a search by _lastUpdated finds what is new"),
        say("a search by _lastUpdated finds nothing new here: nothing follows, Créneau reads whole windows"),
    ),
    Row(
        "unknown",
        habits.unknown,
        FACT,
        say("an unknown search parameter is refused"),
        say("an unknown search parameter is no error here: Créneau relies on those it has tried, and filters again"),
    ),
    Row(
        "sensible",
        habits.sensible,
        FACT,
        say("a slot that ends before it begins is refused"),
        say("this server checks no sense in what it is sent: Créneau judges every time itself"),
    ),
)
