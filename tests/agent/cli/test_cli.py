"""The `creneau` command: its words and the language of its help."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.cli import front, speaking
from agent.cli.table import COMMANDS, GROUPS
from agent.core.message import say
from agent.language import Speech

TABLE = """
status|etat|One screen: is it working, since when, what to do next.|Un écran : est-ce que ça marche, depuis quand, que faire.
demo|demo|Show the whole job on a made-up clinic, with no server.|Montrer tout le travail sur une clinique fictive.
version|version|Print version, build and supported systems.|Afficher la version et les systèmes acceptés.
preview|apercu|Agenda on the left, what would leave on the right.|À gauche l'agenda, à droite ce qui sortirait.
explain|pourquoi|Say why a slot, or a whole day, is or is not shared.|Dire pourquoi une plage ou un jour est partagé ou non.
sharing show|partage voir|Print the sharing rules in plain words.|Dire les règles de partage en mots simples.
sharing diff|partage comparer|Slots that would appear or vanish with the edited file.|Plages qui apparaîtraient ou disparaîtraient.
sharing apply|partage appliquer|Put the edited rules into force, after asking.|Mettre les règles en vigueur, après confirmation.
sharing pause|partage pause|No new slot appears; removals and bookings go on.|Rien de nouveau ne paraît; retraits et rendez-vous suivent.
sharing withdraw|partage retirer|Take every slot offline; kept appointments stay.|Tout retirer du Web; les rendez-vous pris restent.
sharing resume|partage reprendre|End a pause, a withdrawal or a freeze.|Mettre fin à une pause, un retrait ou un gel.
freeze|gel|Kill switch: not one write into the EMR until resume.|Arrêt d'urgence : aucune écriture au DMÉ jusqu'à reprise.
veto add|veto ajouter|A doctor says no; only their code can lift it.|Un médecin dit non; seul son code peut lever le veto.
veto lift|veto lever|Lift a veto with the doctor's code.|Lever un veto avec le code du médecin.
veto list|veto liste|List vetoes in force and their dates.|Lister les vetos en vigueur et leurs dates.
exposure|exposition|What an observer could infer from what you share.|Ce qu'un observateur pourrait déduire de votre partage.
ledger list|registre liste|List what left and what came in.|Lister ce qui est sorti et ce qui est entré.
ledger report|registre bilan|One doctor's month, on one page for that doctor.|Le mois d'un médecin, une page, pour lui seul.
ledger export|registre exporter|Write the ledger or the legal register as CSV or JSON.|Exporter le registre, ou celui de la loi, en CSV ou JSON.
ledger verify|registre verifier|Prove that nothing was added, removed or changed.|Prouver que rien n'a été ajouté, retiré ni changé.
tasks list|taches liste|What needs a person: to enter, to check, to call.|Ce qui attend une personne : saisir, vérifier, appeler.
tasks show|taches voir|Show one task with the patient's details; logged.|Montrer une tâche et les données du patient; consigné.
tasks done|taches faire|Answer a task: it is in the agenda, or it is not.|Répondre : c'est à l'agenda, ou ça n'y est pas.
unsold|invendus|Published slots nobody can book now; fill by phone.|Plages publiées non réservables; à combler par téléphone.
bookings|rendez-vous|Online bookings and where each one stands.|Les rendez-vous pris en ligne et où chacun en est.
init|installer|Write a commented configuration from a few questions.|Écrire une configuration commentée, par questions.
check|verifier|Touch everything, change nothing, as the service would.|Tout essayer sans rien changer, comme le service.
emr list|dme liste|Types, sites and people found in the EMR, with counts.|Types, lieux et personnes du DMÉ, avec leurs nombres.
emr try|dme essayer|Try a mapping: reads only, sample slots on screen.|Essayer une correspondance : lecture seule, exemples.
emr grants|dme droits|Print the exact database rights to ask for.|Afficher les droits exacts à demander.
emr prove|dme prouver|Run the booking races on a scratch copy, then report.|Éprouver la réservation sur une copie, puis conclure.
hl7 explain|hl7 expliquer|Say field by field what is understood of a message.|Dire champ par champ ce qu'on comprend d'un message.
hl7 send|hl7 envoyer|Send the messages of a file and print the answers.|Envoyer les messages d'un fichier, montrer les réponses.
hl7 listen|hl7 ecouter|Take messages in and keep them as files.|Recevoir des messages et les garder en fichiers.
hl7 doubts|hl7 doutes|Times kept back: a message was not understood.|Heures retenues : un message n'a pas été compris.
hl7 settle|hl7 regler|Say that one is settled.|Dire qu'un message est réglé.
secret set|secret poser|Store a password or key in the vault; asked, not typed.|Ranger un mot de passe au coffre; saisie masquée.
secret list|secret liste|Names of stored secrets, never their values.|Noms des secrets rangés, jamais leurs valeurs.
enrol|inscrire|Join a hub with a one-time code; compare fingerprints.|Joindre un carrefour par code unique; comparer l'empreinte.
leave|quitter|Withdraw, settle bookings, leave the hub, clean the EMR.|Tout retirer, régler, quitter, nettoyer le DMÉ.
run|executer|Run the agent here, in the foreground.|Faire tourner l'agent ici, au premier plan.
service|service|install, start, stop, restart, status, uninstall.|install, start, stop, restart, status, uninstall.
bundle|paquet-aide|Support archive without patient or schedule data.|Archive de soutien sans patient ni horaire.
backup|sauvegarder|Save state and ledger, encrypted.|Sauvegarder l'état et le registre, chiffrés.
restore|restaurer|Restore state; bookings are re-read before any write.|Restaurer; tout est relu avant la moindre écriture.
update check|maj verifier|Say whether a newer signed version exists.|Dire s'il existe une version signée plus récente.
hub init|carrefour creer|Create a hub: keys, store, settings.|Créer un carrefour : clés, base, réglages.
hub serve|carrefour servir|Run the reference hub.|Faire tourner le carrefour de référence.
hub code|carrefour code|Issue a one-time enrolment code.|Émettre un code d'inscription à usage unique.
hub portal|carrefour portail|Issue or end a portal's token.|Émettre le jeton d'un portail, ou y mettre fin.
hub clinics|carrefour cliniques|Count clinics by state; list those that need someone.|Compter par état; lister celles à rappeler.
hub clinic|carrefour clinique|One clinic: state, since when, whom to call.|Une clinique : état, depuis quand, qui appeler.
hub booking|carrefour rendez-vous|Follow one booking through its versions.|Suivre un rendez-vous à travers ses versions.
hub offers|carrefour offres|Stop or restart offering slots: one clinic or all.|Suspendre ou rouvrir l'offre : une clinique ou toutes.
hub revoke|carrefour revoquer|Shut out a clinic's key now.|Exclure sur-le-champ la clé d'une clinique.
hub takeover|carrefour reprise|Approve a replacement agent, after a phone call.|Approuver un agent de remplacement, après appel.
hub keys|carrefour cles|Publish the next key set, signed by the present one.|Publier les clés suivantes, signées par les actuelles.
hub release|carrefour version|Tell agents which version to run.|Dire aux agents quelle version utiliser.
hub backup|carrefour sauvegarder|Save the hub's store; patients stay sealed.|Sauvegarder la base; les patients restent scellés.
"""
ROWS = [tuple(row.split("|")) for row in TABLE.strip().splitlines()]


def plain(text: str) -> str:
    """Without the hard spaces French typography puts in."""
    return text.replace("\N{NO-BREAK SPACE}", " ")


# ---- words


def test_commands_aliases_and_help_lines_are_the_table() -> None:
    """What is implemented has the very words of the design, in both languages."""
    french = Speech("fr")
    told = [(one.words, one.alias, str(one.help), plain(french.say(one.help))) for one in COMMANDS]
    assert told == ROWS


def test_help_lines_have_at_most_60_characters() -> None:
    """Groups and commands, English and French."""
    french = Speech("fr")
    for one in (*COMMANDS, *GROUPS):
        assert len(str(one.help)) <= 60, one
        assert len(french.say(one.help)) <= 60, one


@pytest.mark.parametrize("column", [0, 1])
def test_every_command_answers_to_both_its_names(run: Callable[..., Any], column: int) -> None:
    """The French alias is the same command: its help has the same line."""
    for row in ROWS:
        code, out, _ = run(f"{row[column]} --help")
        assert code == 0
        assert row[2] in out


def test_the_first_help_shows_no_alias_and_no_hub(run: Callable[..., Any]) -> None:
    """A manager sees about twenty lines; integrators' groups are behind `more`."""
    code, out, _ = run("--help")
    shown = [line.split()[0] for line in out.partition("Commands:")[2].splitlines() if line.startswith("  ")]
    assert code == 0
    assert "status" in shown
    assert not {"etat", "partage", "carrefour", "hub"} & set(shown)
    assert len(shown) <= 24


def test_french_help_is_french_to_the_last_word(run: Callable[..., Any]) -> None:
    """Headings, options and the help of help are said in French too."""
    code, out, _ = run("apercu --help --lang fr")
    assert code == 0
    assert "À gauche l'agenda" in out
    assert "Options :" in out
    assert "Nombre de jours" in out
    assert "Afficher cette aide." in out
    assert "Usage :" in out


def test_options_for_everything_may_stand_anywhere() -> None:
    """--lang, --config and --json are taken out wherever they are, but not after `--`."""
    taken, rest = front(["tasks", "--json", "show", "--lang=fr", "12", "--config", "c.toml", "--", "--json"])
    assert taken == {"--json": "", "--lang": "fr", "--config": "c.toml"}
    assert rest == ["tasks", "show", "12", "--", "--json"]


def test_the_language_is_the_option_the_environment_the_clinic_french(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In that order; a file that cannot be read is no obstacle."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "c.toml"
    file.write_text('[clinic]\nlanguage = "en"\n')
    yes = say("yes")
    assert speaking(None, str(file), quick=False)(yes) == "yes"
    assert speaking("fr", str(file), quick=False)(yes) == "oui"
    assert speaking(None, str(file), quick=True)(yes) == "oui"
    file.write_text("[clinic")
    assert speaking(None, str(file), quick=False)(yes) == "oui"
    monkeypatch.setenv("LANG", "en_CA.UTF-8")
    assert speaking(None, None, quick=True)(yes) == "yes"


def test_without_a_catalogue_the_command_speaks_english(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A broken installation still says what is wrong."""
    import agent.language

    monkeypatch.setattr(agent.language, "_FOLDER", tmp_path)
    agent.language._catalogue.cache_clear()
    try:
        assert speaking("fr", None, quick=True)(say("yes")) == "yes"
    finally:
        agent.language._catalogue.cache_clear()
