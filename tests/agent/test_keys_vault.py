"""The vault keeps each entry sealed, alone and whole, whoever writes and whatever breaks."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

from agent.core.errors import Misconfigured, Transient
from agent.keys import ServiceVault, make_root, root_key

ROOT = Path(__file__).parents[2]


@pytest.fixture
def vault(tmp_path: Path) -> ServiceVault:
    """Make an empty vault with a root key of its own."""
    make_root(tmp_path)
    return ServiceVault(tmp_path, root_key(tmp_path, {}))


def test_what_is_stored_comes_back(vault: ServiceVault) -> None:
    """A value of any length and alphabet comes back equal; an absent one is None."""
    vault.set_password("creneau", "a", "é" * 4000)
    vault.set_password("creneau", "b", "")
    assert vault.get_password("creneau", "a") == "é" * 4000
    assert vault.get_password("creneau", "b") == ""
    assert vault.get_password("creneau", "c") is None
    assert vault.get_password("other", "a") is None
    assert vault.names("creneau") == ("a", "b")


def test_it_works_through_keyring(vault: ServiceVault) -> None:
    """Set by hand, it answers keyring's own functions."""
    before = keyring.get_keyring()
    keyring.set_keyring(vault)
    try:
        keyring.set_password("creneau", "x", "hunter2")
        assert keyring.get_password("creneau", "x") == "hunter2"
        keyring.delete_password("creneau", "x")
        assert keyring.get_password("creneau", "x") is None
        assert "hunter2" not in str(vault) + repr(vault)
    finally:
        keyring.set_keyring(before)


def test_keyring_never_chooses_it_by_itself() -> None:
    """It needs a folder and a root key, so it is no candidate for keyring's own choice."""
    assert ServiceVault not in set(KeyringBackend.get_viable_backends())


def test_the_environment_cannot_move_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No KEYRING_PROPERTY_ variable of keyring sets anything on it."""
    monkeypatch.setenv("KEYRING_PROPERTY__FILE", "/elsewhere")
    make_root(tmp_path)
    ServiceVault(tmp_path, root_key(tmp_path, {})).set_password("s", "u", "v")
    assert (tmp_path / "vault.json").exists()


def test_nothing_stands_in_the_clear(vault: ServiceVault, tmp_path: Path) -> None:
    """The file holds names, never values, and only its owner may read it."""
    vault.set_password("creneau", "emr", "hunter2-hunter2")
    raw = (tmp_path / "vault.json").read_bytes()
    assert b"hunter2" not in raw
    assert b"emr" in raw
    if os.name == "posix":
        assert (tmp_path / "vault.json").stat().st_mode & 0o077 == 0


def test_the_same_value_is_sealed_anew_each_time(vault: ServiceVault, tmp_path: Path) -> None:
    """Equal values do not look equal."""
    vault.set_password("s", "a", "same")
    vault.set_password("s", "b", "same")
    held = json.loads((tmp_path / "vault.json").read_text())["entries"]["s"]
    assert held["a"] != held["b"]


def test_deleting_what_is_absent_is_keyrings_error(vault: ServiceVault) -> None:
    """An absent entry cannot be deleted."""
    with pytest.raises(PasswordDeleteError):
        vault.delete_password("s", "u")


def change(folder: Path, work: object) -> None:
    file = folder / "vault.json"
    held = json.loads(file.read_text())
    work(held["entries"]["s"])  # type: ignore[operator]
    file.write_text(json.dumps(held))


def test_a_flipped_byte_is_an_error_never_a_value(vault: ServiceVault, tmp_path: Path) -> None:
    """Every byte of an entry is under its seal; the other entries still open."""
    vault.set_password("s", "a", "hunter2")
    vault.set_password("s", "b", "other")
    sealed = json.loads((tmp_path / "vault.json").read_text())["entries"]["s"]["a"]
    for at in range(0, len(sealed) - 2, 7):
        flipped = sealed[:at] + ("A" if sealed[at] != "A" else "B") + sealed[at + 1 :]
        change(tmp_path, lambda held, flipped=flipped: held.update(a=flipped))
        with pytest.raises(Misconfigured) as wrong:
            vault.get_password("s", "a")
        assert "hunter2" not in repr(wrong.value)
    assert vault.get_password("s", "b") == "other"


def test_swapped_entries_do_not_open(vault: ServiceVault, tmp_path: Path) -> None:
    """An entry opens only under its own name: moving one is noticed."""
    vault.set_password("s", "a", "one")
    vault.set_password("s", "b", "two")
    change(tmp_path, lambda held: held.update(a=held["b"], b=held["a"]))
    for name in "ab":
        with pytest.raises(Misconfigured):
            vault.get_password("s", name)


def test_another_root_key_opens_nothing(vault: ServiceVault, tmp_path: Path) -> None:
    """A stolen file or backup without its root key reads nothing."""
    vault.set_password("s", "a", "one")
    with pytest.raises(Misconfigured) as wrong:
        ServiceVault(tmp_path, bytes(32)).get_password("s", "a")
    assert "creneau enrol CODE" in str(wrong.value.hint)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"v": 2, "entries": {}}',
        b'{"v": 1, "entries": []}',
        b'{"v": 1, "entries": {"s": 1}}',
    ],
)
def test_a_damaged_file_is_named_and_left_alone(vault: ServiceVault, tmp_path: Path, raw: bytes) -> None:
    """What is no vault is an error, and writing does not bury it."""
    (tmp_path / "vault.json").write_bytes(raw)
    with pytest.raises(Misconfigured) as wrong:
        vault.set_password("s", "a", "one")
    assert wrong.value.file.endswith("vault.json")
    assert (tmp_path / "vault.json").read_bytes() == raw


def test_a_crash_between_write_and_rename_loses_nothing(
    vault: ServiceVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old file stays whole; the next write goes on as if nothing had been."""
    vault.set_password("s", "a", "old")

    def crash(*_args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            vault.set_password("s", "a", "new")
    assert (tmp_path / "vault.new").exists()
    again = ServiceVault(tmp_path, root_key(tmp_path, {}))
    assert again.get_password("s", "a") == "old"
    again.set_password("s", "b", "more")
    assert (again.get_password("s", "a"), again.get_password("s", "b")) == ("old", "more")


def test_a_full_disk_is_transient(vault: ServiceVault, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes nothing is tried again later; the old value stands."""
    vault.set_password("s", "a", "old")

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(Transient):
            vault.set_password("s", "a", "new")
    assert vault.get_password("s", "a") == "old"


def test_a_folder_that_is_gone_is_transient(tmp_path: Path) -> None:
    """A data folder that vanished is the disk's fault, not the vault's."""
    with pytest.raises(Transient):
        ServiceVault(tmp_path / "gone", bytes(32)).get_password("s", "a")


WRITER = """
import sys
from pathlib import Path
from agent.keys import ServiceVault, root_key
folder, name = Path(sys.argv[1]), sys.argv[2]
vault = ServiceVault(folder, root_key(folder, {}))
for n in range(40):
    vault.set_password("s", f"{name}{n}", name * 9)
    vault.change("s", "count", lambda old: str(int(old or 0) + 1))
"""


def test_two_processes_write_without_losing_an_entry(vault: ServiceVault, tmp_path: Path) -> None:
    """Daemon and command line may write at the same moment: every entry and every step is kept."""
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    both = [subprocess.Popen([*command, name], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}) for name in "pq"]
    assert [process.wait(60) for process in both] == [0, 0]
    assert len(vault.names("s")) == 81
    assert vault.get_password("s", "count") == "80"


def test_threads_write_without_losing_a_step(vault: ServiceVault) -> None:
    """The lock holds between threads of one process too."""
    work = [
        threading.Thread(target=lambda: [vault.change("s", "n", lambda old: str(int(old or 0) + 1)) for _ in range(20)])
        for _ in range(4)
    ]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert vault.get_password("s", "n") == "80"


def test_the_root_key_is_made_once(tmp_path: Path) -> None:
    """A second `creneau init` keeps the key that seals the vault."""
    folder = tmp_path / "data"
    assert make_root(folder) is True
    key = root_key(folder, {})
    assert len(key) == 32
    assert make_root(folder) is False
    assert root_key(folder, {}) == key
    if os.name == "posix":
        assert (folder / "vault-key").stat().st_mode & 0o777 == 0o400


def test_who_comes_second_keeps_the_first_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two first starts at the same moment end with one key."""
    (tmp_path / "vault-key").write_bytes(bytes(32))
    monkeypatch.setattr(Path, "exists", lambda _self: False)
    assert make_root(tmp_path) is False
    assert (tmp_path / "vault-key").read_bytes() == bytes(32)
    assert [path.name for path in tmp_path.iterdir()] == ["vault-key"]


def test_a_systemd_credential_comes_first(tmp_path: Path) -> None:
    """Where systemd unsealed a root key, the file of the folder is not asked."""
    make_root(tmp_path)
    sealed = tmp_path / "credentials"
    sealed.mkdir()
    (sealed / "vault-key").write_bytes(b"k" * 32)
    assert root_key(tmp_path, {"CREDENTIALS_DIRECTORY": str(sealed)}) == b"k" * 32
    assert root_key(tmp_path, {"CREDENTIALS_DIRECTORY": str(tmp_path / "no")}) != b"k" * 32


def test_a_missing_or_damaged_root_key_says_what_to_do(tmp_path: Path) -> None:
    """No key, a short one and one that is no file each have their sentence."""
    with pytest.raises(Misconfigured) as absent:
        root_key(tmp_path, {})
    assert str(absent.value.hint) == "creneau init makes one"
    (tmp_path / "vault-key").write_bytes(b"short")
    with pytest.raises(Misconfigured) as short:
        root_key(tmp_path, {})
    assert str(short.value.what) == "the root key is damaged"
    (tmp_path / "vault-key").unlink()
    (tmp_path / "vault-key").mkdir()
    with pytest.raises(Misconfigured):
        root_key(tmp_path, {})


@pytest.mark.skipif(os.name != "posix", reason="only on POSIX: Windows has ACLs, not modes")
def test_a_root_key_others_may_read_is_refused(tmp_path: Path) -> None:
    """A key that every account reads seals nothing."""
    make_root(tmp_path)
    (tmp_path / "vault-key").chmod(0o444)
    with pytest.raises(Misconfigured) as wrong:
        root_key(tmp_path, {})
    assert str(wrong.value.hint).startswith("chmod 400 ")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """Where no key can be written, the account is the likely reason."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(Misconfigured):
        make_root(tmp_path / "file" / "data")
