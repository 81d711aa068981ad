"""The Containerfile: what it copies exists, what it promises holds; built and run where a builder is at hand."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from deploy.space import FILES, FOLDERS, ROOT

FILE = ROOT / "Containerfile"


def instructions() -> list[tuple[str, str]]:
    """Each with its arguments, comments and line breaks taken out."""
    lines = [
        line for line in FILE.read_text("utf-8").splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines())]


def all_of(word: str) -> list[str]:
    return [rest for name, rest in instructions() if name == word]


def hadolint() -> str | None:
    """The linter, beside this Python or on the path."""
    beside = Path(sys.executable).with_name("hadolint")
    return str(beside) if beside.exists() else shutil.which("hadolint")


def builder() -> str | None:
    """Docker or Podman, if its engine answers."""
    for name in ("docker", "podman"):
        if shutil.which(name) and subprocess.run([name, "info"], capture_output=True, timeout=60).returncode == 0:
            said = subprocess.run([name, "info", "--format", "{{json .}}"], capture_output=True, text=True, timeout=60)
            if not json.loads(said.stdout or "{}").get("ServerErrors"):
                return name
    return None


def test_what_it_copies_is_there_and_is_what_the_app_needs() -> None:
    sources = [source for rest in all_of("COPY") for source in rest.split()[:-1]]
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert set(sources) == {*FOLDERS, *FILES}
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert {line[1:] for line in ignored if line.startswith("!")} == set(sources), "the builder must be given them"


def test_it_runs_as_nobody_in_particular_on_the_port_that_is_watched() -> None:
    assert all_of("USER") == ["1000"]
    assert "--uid 1000" in FILE.read_text("utf-8")
    assert all_of("EXPOSE") == ["7860"]
    (command,) = (json.loads(rest) for rest in all_of("CMD"))
    assert command[command.index("--port") + 1] == "7860"
    assert command[command.index("--host") + 1] == "0.0.0.0"
    assert "127.0.0.1:7860/healthz" in all_of("HEALTHCHECK")[0]
    order = [word for word, _ in instructions()]
    assert order.index("USER") > max(index for index, word in enumerate(order) if word in ("RUN", "COPY"))


def test_models_and_the_certificate_outlive_it_and_belong_to_its_user() -> None:
    kept = json.loads(all_of("VOLUME")[0])
    settings = dict(part.split("=", 1) for rest in all_of("ENV") for part in rest.split())
    assert [settings["HF_HOME"], settings["XDG_DATA_HOME"]] == kept
    assert 'install -d -o studio -g studio "$HF_HOME" "$XDG_DATA_HOME"' in FILE.read_text("utf-8")


def test_processor_or_gpus_by_one_argument() -> None:
    stages = {name: base for base, name in (rest.split(" AS ") for rest in all_of("FROM"))}
    assert stages["studio"] == "${COMPUTE}"
    assert stages["cpu"] == stages["cuda"] == "base"
    assert all_of("ARG")[0] == "COMPUTE=cpu"
    python = stages["base"].removeprefix("python:").split("-")[0]
    assert python in ("3.11", "3.12")


def test_requirements_come_before_the_code_so_that_a_change_builds_in_seconds() -> None:
    order = [(word, rest) for word, rest in instructions() if word in ("COPY", "RUN")]
    installs = next(index for index, (word, rest) in enumerate(order) if word == "RUN" and "pip install" in rest)
    copies = [index for index, (word, rest) in enumerate(order) if word == "COPY" and "app.py" in rest]
    assert installs < copies[0]


def test_no_secret_is_built_in() -> None:
    for word, rest in instructions():
        if word in ("ENV", "ARG"):
            assert not re.search(r"TOKEN|SECRET|PASSWORD|_KEY|RESEARCHERS", rest), rest


def test_the_linter_finds_nothing() -> None:
    tool = hadolint()
    if tool is None:
        pytest.skip("hadolint is not on this machine")
    said = subprocess.run([tool, str(FILE)], capture_output=True, text=True, timeout=60)
    assert said.returncode == 0, said.stdout


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_it_is_built_and_answers() -> None:
    tool = builder()
    if tool is None:
        pytest.skip("neither Docker nor Podman has an engine here")
    name = "self-portrait-studio-test"
    flags = ["--format", "docker"] if tool == "podman" else []
    subprocess.run([tool, "build", *flags, "-f", str(FILE), "-t", name, str(ROOT)], check=True, timeout=3000)
    started = subprocess.run(
        [tool, "run", "--rm", "-d", "-p", "127.0.0.1::7860", "-e", "STUDIO_MODEL=preview", name],
        capture_output=True,
        text=True,
        check=True,
    )
    container = started.stdout.strip()
    try:
        where = subprocess.run([tool, "port", container, "7860"], capture_output=True, text=True, check=True).stdout
        url = f"http://{where.split()[0]}"
        until = time.monotonic() + 180
        while True:
            try:
                assert httpx.get(f"{url}/healthz").json() == {"ok": True}
                break
            except httpx.TransportError:
                assert time.monotonic() < until, "it does not answer"
                time.sleep(1)
        assert "Self-Portrait Studio" in httpx.get(url).text
        who = subprocess.run([tool, "exec", container, "id", "-u"], capture_output=True, text=True, check=True)
        assert who.stdout.strip() == "1000"
    finally:
        subprocess.run([tool, "stop", container], capture_output=True, timeout=60)
