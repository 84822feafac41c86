"""Every command: its words, its French alias, its one help line, an example.

Rule: a command exists when it stands here; help lines have at most 60 characters in both languages.
"""

from collections.abc import Callable
from dataclasses import dataclass

from agent.cli import (
    backup,
    bookings,
    bundle,
    check,
    emr,
    enrol,
    explain,
    exposure,
    hl7,
    hub,
    init,
    leave,
    ledger,
    preview,
    running,
    running_demo,
    secret,
    service,
    sharing,
    status,
    tasks,
    update,
    version,
    veto,
)
from agent.core.message import Message, say


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `words` and `alias`: one word, or group and word. `hidden`: not on the first help screen."""

    words: str
    alias: str
    help: Message
    work: Callable[..., None]
    example: str = ""
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """One group. `hidden`: not on the first help screen."""

    word: str
    alias: str
    help: Message
    hidden: bool = False


GROUPS = (
    Group("sharing", "partage", say("The sharing rules: read, compare, apply, withdraw.")),
    Group("veto", "veto", say("A doctor's own no, kept apart from the rules.")),
    Group("ledger", "registre", say("What left, what came in, who did what.")),
    Group("tasks", "taches", say("What needs a person at the clinic.")),
    Group("emr", "dme", say("The EMR, as the agent reads it.")),
    Group("hl7", "hl7", say("Try an HL7 interface by hand."), hidden=True),
    Group("secret", "secret", say("Passwords and keys in the vault.")),
    Group("update", "maj", say("Newer versions."), hidden=True),
    Group("hub", "carrefour", say("The reference hub, for hub operators."), hidden=True),
)

COMMANDS = (
    Command("status", "etat", say("One screen: is it working, since when, what to do next."), status.status),
    Command("demo", "demo", say("Show the whole job on a made-up clinic, with no server."), running_demo.demo),
    Command("version", "version", say("Print version, build and supported systems."), version.version),
    Command(
        "preview",
        "apercu",
        say("Agenda on the left, what would leave on the right."),
        preview.preview,
        "creneau preview --days 3 --who Gagnon",
    ),
    Command(
        "explain",
        "pourquoi",
        say("Say why a slot, or a whole day, is or is not shared."),
        explain.explain,
        "creneau explain 2026-11-30 09:00 Gagnon",
    ),
    Command("sharing show", "partage voir", say("Print the sharing rules in plain words."), sharing.show),
    Command(
        "sharing diff",
        "partage comparer",
        say("Slots that would appear or vanish with the edited file."),
        sharing.diff,
    ),
    Command(
        "sharing apply",
        "partage appliquer",
        say("Put the edited rules into force, after asking."),
        sharing.apply,
    ),
    Command(
        "sharing pause",
        "partage pause",
        say("No new slot appears; removals and bookings go on."),
        sharing.pause,
    ),
    Command(
        "sharing withdraw",
        "partage retirer",
        say("Take every slot offline; kept appointments stay."),
        sharing.withdraw,
    ),
    Command(
        "sharing resume",
        "partage reprendre",
        say("End a pause, a withdrawal or a freeze."),
        sharing.resume,
    ),
    Command("freeze", "gel", say("Kill switch: not one write into the EMR until resume."), sharing.freeze),
    Command(
        "veto add",
        "veto ajouter",
        say("A doctor says no; only their code can lift it."),
        veto.add,
        "creneau veto add Gagnon",
    ),
    Command("veto lift", "veto lever", say("Lift a veto with the doctor's code."), veto.lift),
    Command("veto list", "veto liste", say("List vetoes in force and their dates."), veto.listing),
    Command(
        "exposure",
        "exposition",
        say("What an observer could infer from what you share."),
        exposure.exposure,
    ),
    Command("ledger list", "registre liste", say("List what left and what came in."), ledger.listing),
    Command(
        "ledger report",
        "registre bilan",
        say("One doctor's month, on one page for that doctor."),
        ledger.report,
        "creneau ledger report Gagnon --month 2026-11",
    ),
    Command(
        "ledger export",
        "registre exporter",
        say("Write the ledger or the legal register as CSV or JSON."),
        ledger.export,
        "creneau ledger export registre.jsonl",
    ),
    Command(
        "ledger verify",
        "registre verifier",
        say("Prove that nothing was added, removed or changed."),
        ledger.verify,
    ),
    Command("tasks list", "taches liste", say("What needs a person: to enter, to check, to call."), tasks.listing),
    Command(
        "tasks show",
        "taches voir",
        say("Show one task with the patient's details; logged."),
        tasks.show,
        "creneau tasks show 12",
    ),
    Command(
        "tasks done",
        "taches faire",
        say("Answer a task: it is in the agenda, or it is not."),
        tasks.done,
        "creneau tasks done 12 --in-agenda",
    ),
    Command("unsold", "invendus", say("Published slots nobody can book now; fill by phone."), bookings.unsold),
    Command("bookings", "rendez-vous", say("Online bookings and where each one stands."), bookings.bookings),
    Command("init", "installer", say("Write a commented configuration from a few questions."), init.init),
    Command(
        "check",
        "verifier",
        say("Touch everything, change nothing, as the service would."),
        check.check,
        "creneau check emr",
    ),
    Command(
        "emr list",
        "dme liste",
        say("Types, sites and people found in the EMR, with counts."),
        emr.listing,
    ),
    Command(
        "emr try",
        "dme essayer",
        say("Try a mapping: reads only, sample slots on screen."),
        emr.trying,
        "creneau emr try mon-dme.toml",
    ),
    Command("emr grants", "dme droits", say("Print the exact database rights to ask for."), emr.grants),
    Command(
        "emr prove",
        "dme prouver",
        say("Run the booking races on a scratch copy, then report."),
        emr.prove,
        "creneau emr prove --on copie_dme",
    ),
    Command(
        "hl7 explain",
        "hl7 expliquer",
        say("Say field by field what is understood of a message."),
        hl7.explain,
        "creneau hl7 explain message.hl7 --time-from sch11",
    ),
    Command(
        "hl7 send",
        "hl7 envoyer",
        say("Send the messages of a file and print the answers."),
        hl7.send,
        "creneau hl7 send message.hl7 127.0.0.1:2575",
    ),
    Command("hl7 listen", "hl7 ecouter", say("Take messages in and keep them as files."), hl7.listen),
    Command("hl7 doubts", "hl7 doutes", say("Times kept back: a message was not understood."), hl7.doubts),
    Command("hl7 settle", "hl7 regler", say("Say that one is settled."), hl7.settle, "creneau hl7 settle 12"),
    Command(
        "secret set",
        "secret poser",
        say("Store a password or key in the vault; asked, not typed."),
        secret.put,
        "creneau secret set dme",
    ),
    Command("secret list", "secret liste", say("Names of stored secrets, never their values."), secret.listing),
    Command(
        "enrol",
        "inscrire",
        say("Join a hub with a one-time code; compare fingerprints."),
        enrol.enrol,
        "creneau enrol K7QD-8M2XP-…",
    ),
    Command(
        "leave",
        "quitter",
        say("Withdraw, settle bookings, leave the hub, clean the EMR."),
        leave.leave,
    ),
    Command("run", "executer", say("Run the agent here, in the foreground."), running.run),
    Command(
        "service",
        "service",
        say("install, start, stop, restart, status, uninstall."),
        service.service,
        "creneau service start",
    ),
    Command(
        "bundle", "paquet-aide", say("Support archive without patient or schedule data."), bundle.bundle, hidden=True
    ),
    Command(
        "backup",
        "sauvegarder",
        say("Save state and ledger, encrypted."),
        backup.backup,
        "creneau backup /media/cle/creneau.sauvegarde",
        hidden=True,
    ),
    Command(
        "restore",
        "restaurer",
        say("Restore state; bookings are re-read before any write."),
        backup.restore,
        hidden=True,
    ),
    Command("update check", "maj verifier", say("Say whether a newer signed version exists."), update.check),
    Command(
        "hub init",
        "carrefour creer",
        say("Create a hub: keys, store, settings."),
        hub.init,
        "creneau hub init https://hub.example.org --folder /srv/hub",
    ),
    Command("hub serve", "carrefour servir", say("Run the reference hub."), hub.serve),
    Command("hub code", "carrefour code", say("Issue a one-time enrolment code."), hub.code),
    Command("hub portal", "carrefour portail", say("Issue or end a portal's token."), hub.portal),
    Command(
        "hub clinics",
        "carrefour cliniques",
        say("Count clinics by state; list those that need someone."),
        hub.clinics,
    ),
    Command("hub clinic", "carrefour clinique", say("One clinic: state, since when, whom to call."), hub.clinic),
    Command("hub booking", "carrefour rendez-vous", say("Follow one booking through its versions."), hub.booking),
    Command(
        "hub offers",
        "carrefour offres",
        say("Stop or restart offering slots: one clinic or all."),
        hub.offers,
    ),
    Command("hub revoke", "carrefour revoquer", say("Shut out a clinic's key now."), hub.revoke),
    Command(
        "hub takeover",
        "carrefour reprise",
        say("Approve a replacement agent, after a phone call."),
        hub.takeover,
    ),
    Command(
        "hub keys",
        "carrefour cles",
        say("Publish the next key set, signed by the present one."),
        hub.keys,
        "creneau hub keys rotate",
    ),
    Command(
        "hub release",
        "carrefour version",
        say("Tell agents which version to run."),
        hub.release,
        "creneau hub release 0.2.0 --file creneau_0.2.0-1~deb12_amd64.deb",
    ),
    Command(
        "hub backup",
        "carrefour sauvegarder",
        say("Save the hub's store; patients stay sealed."),
        hub.backup,
    ),
)
