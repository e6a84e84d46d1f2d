"""What docs/durability.md tells people to run can be run, and the tests and sentences that it names are there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "durability.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ (.+)$", PAGE, re.MULTILINE)


def arguments_of(command: str) -> tuple[str, list[str]]:
    """Return the target of a call of make, and the arguments that it hands on."""
    words = shlex.split(command)
    words = words[words.index("make") + 1 :]
    arguments = [word.removeprefix("ARGS=") for word in words if word.startswith("ARGS=")]
    return words[0], shlex.split(" ".join(arguments))


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_can_be_run(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Targets exist, and take the arguments: those of a benchmark are read, those of pytest find tests."""
    target, arguments = arguments_of(command)
    recipe = re.search(rf"^{target}: .*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe, f"there is no target {target}"
    if target == "test":
        asked = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider", *arguments]
        done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
        return
    (module,) = re.findall(r"-m (benchmarks\.\w+) \$\(ARGS\)", recipe[1])
    monkeypatch.setattr(sys, "argv", [module, *arguments])
    import_module(module).options()


def test_what_is_named_is_there() -> None:
    """Files of tests, which a row names once with their folder."""
    names = re.findall(r"`((?:tests/[\w/]+/)?test_\w+\.py)`", PAGE)
    assert len(names) > 8
    assert [name for name in names if not list(ROOT.glob(name if "/" in name else f"tests/*/{name}"))] == []


def test_sentences_are_those_of_the_code() -> None:
    """Every word of them that does not vary."""
    said = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "smtpdsl/runtime/queue").glob("*.py"))
    for part in (
        "is empty",
        "ends after",
        "is gone, and there are messages in",
        "cannot be read from octet",
        "and there are messages behind it",
        "goes on without them",
        "this version of smtpdsl knows up to",
        "run the version that wrote it",
        "is in use by",
    ):
        assert part in PAGE.replace("\n", " ")
        assert part in said
