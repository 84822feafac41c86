"""What we say to Windows, seen from anywhere: the service account's name, the folder's and the pipe's rights."""

from pathlib import Path

from agent.door.pipes import RIGHTS, pipe_name
from agent.keys.dpapi import rights, service_sid


def test_the_service_has_the_name_windows_gives_it() -> None:
    """The SID of a service is a hash of its name; TrustedInstaller's is known to everybody."""
    trusted = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
    assert service_sid("TrustedInstaller") == trusted
    assert service_sid("Creneau") == "S-1-5-80-3921451765-1760971048-4276684150-452099402-2780409577"


def test_the_data_folder_is_for_three_only() -> None:
    """System, administrators, service; nothing inherited from the folder above."""
    assert rights() == f"D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;{service_sid('Creneau')})"


def test_one_pipe_for_each_data_folder_and_nobody_from_the_network() -> None:
    """Windows does not mind the case of a path; the pipe's first right is a refusal of the network."""
    one = pipe_name(Path("C:/ProgramData/Creneau/creneau.sock"))
    assert one == pipe_name(Path("c:/programdata/CRENEAU/creneau.sock"))
    assert one != pipe_name(Path("C:/ProgramData/Autre/creneau.sock"))
    assert RIGHTS.startswith("D:P(D;;GA;;;NU)")
