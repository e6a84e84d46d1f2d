"""PAM, as it is: with accounts, passwords and a service of the test's own."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from smtpdsl.runtime.credentials import pam_library
from smtpdsl.runtime.credentials.stored import CheckError
from tests.conftest import missing
from tests.namespaces import private
from tests.runtime.credentials.samples import HASHES, PASSWORD

ROOT = Path(__file__).parents[3]

PASSWD = "root:x:0:0::/root:/bin/sh\n" + "".join(
    f"{name}:x:{uid}:{uid}::/:/bin/sh\n" for uid, name in ((1001, "ann"), (1002, "old"))
)
SHADOW = f"root:*:19700::::::\nann:{HASHES['yescrypt']}:19700::::::\nold:{HASHES['yescrypt']}:19700:::::1000:\n"
# Without the delay after a wrong password.
SERVICE = "auth required pam_unix.so nodelay\naccount required pam_unix.so\n"
BROKEN = "auth required pam_there_is_no_such_module.so\naccount required pam_unix.so\n"

PROGRAM = """
import json, sys
from smtpdsl.runtime.credentials.pam_library import pam_matches
from smtpdsl.runtime.credentials.stored import CheckError

def outcome(login, password):
    try:
        return pam_matches(login, password.encode())
    except CheckError as error:
        return str(error)

print(json.dumps([outcome(*pair) for pair in json.loads(sys.argv[1])]))
"""


def outcomes(folder: Path, service: str, *pairs: tuple[str, str]) -> list[bool | str]:
    """Ask PAM where the accounts are ours."""
    for name, text in (("passwd", PASSWD), ("shadow", SHADOW), ("pam.d/smtpd", service)):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    binds = {folder / name: f"/etc/{name}" for name in ("passwd", "shadow", "pam.d")}
    with private(binds) as host:
        command = [sys.executable, "-c", PROGRAM, json.dumps(pairs)]
        done = host.run(command, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, list)
    return found


@pytest.fixture
def real_pam(private_namespaces: None) -> None:
    """Skip a test where it cannot have the library and the modules of this system."""
    del private_namespaces
    if find_spec("pam") is None or not Path("/etc/pam.d").is_dir():
        missing("needs PAM, and python-pam (the extra `pam`)")


@pytest.mark.usefixtures("real_pam")
def test_the_password_of_an_account_is_right(tmp_path: Path) -> None:
    """Another one is not, nor is that of an account that has expired or does not exist."""
    pairs = (("ann", PASSWORD), ("ann", "wrong"), ("ann", ""), ("old", PASSWORD), ("root", "x"), ("eve", "x"))

    assert outcomes(tmp_path, SERVICE, *pairs) == [True, False, False, False, False, False]


@pytest.mark.usefixtures("real_pam")
def test_a_service_that_cannot_work_is_no_wrong_password(tmp_path: Path) -> None:
    """A module that is missing says nothing about anybody."""
    (found,) = outcomes(tmp_path, BROKEN, ("ann", PASSWORD))

    assert isinstance(found, str)
    assert "PAM could not check a password" in found


class Library:
    """What `pam` is, as far as we use it."""

    def __init__(self, code: int) -> None:
        """End every session with *code*."""
        self.code = code
        self.asked: list[tuple[str, bytes, str, bool]] = []

    def PamAuthenticator(self) -> Library:  # noqa: N802 - its name
        """Begin a session."""
        return self

    def authenticate(self, login: str, password: bytes, *, service: str, resetcreds: bool) -> bool:
        """Remember, and say whether the code is that of success."""
        self.asked.append((login, password, service, resetcreds))
        return self.code == 0


@pytest.mark.parametrize(("code", "is_right"), [(0, True), (7, False), (10, False), (12, False), (13, False)])
def test_refusals_are_told_from_failures(code: int, is_right: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 - a column
    """By the codes of Linux-PAM; no credentials are made."""
    library = Library(code)
    monkeypatch.setattr(pam_library, "_module", lambda: library)

    assert pam_library.pam_matches("ann", b"secret") == is_right
    assert library.asked == [("ann", b"secret", "smtpd", False)]


@pytest.mark.parametrize("code", [1, 3, 4, 9, 28])
def test_a_failure_of_pam_is_no_wrong_password(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code is told, for the log; the password is not."""
    monkeypatch.setattr(pam_library, "_module", lambda: Library(code))

    with pytest.raises(CheckError, match=rf"code {code}\)") as raised:
        pam_library.pam_matches("ann", b"hunter2")
    assert "hunter2" not in str(raised.value)
