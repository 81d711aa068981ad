"""Known vulnerabilities in what is installed here, asked of pip-audit; part of `make check`.

    python -m tests.audit

pip-audit answers "none found" also where a package index knows no advisories at all, so this counts what was really
looked up. Exit status 1 where a vulnerability is known; 0 with a plain sentence where the audit could not be done, as
on a machine without a network.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

SERVICES = ("pypi", "osv")
_SECONDS = 600
# Advisory -> why it does not matter here. Looked at again whenever requirements.txt changes.
ACCEPTED: dict[str, str] = {}


@dataclass
class Answer:
    """What one service said.

    Attributes:
        looked_up: Packages that it knows in the installed version.
        skipped: Packages that it does not know, so that nothing can be said of them.
        found: Advisories, as "package version: id, mended in versions".
    """

    looked_up: int = 0
    skipped: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)


def run_pip_audit(service: str) -> str:
    """pip-audit's JSON about this environment; empty where it could not ask."""
    command = [sys.executable, "-m", "pip_audit", "-s", service, "-f", "json", "--progress-spinner", "off"]
    command += ["--timeout", "15", "--local"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout


def understand(text: str) -> Answer | None:
    """Read pip-audit's JSON. None where it is none, as after a failed connection."""
    try:
        packages = json.loads(text)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return None
    answer = Answer()
    for package in packages:
        if "skip_reason" in package:
            answer.skipped.append(package["name"])
            continue
        answer.looked_up += 1
        for advisory in package["vulns"]:
            if advisory["id"] not in ACCEPTED and not ACCEPTED.keys() & set(advisory.get("aliases", [])):
                mended = ", ".join(advisory.get("fix_versions", [])) or "no version yet"
                answer.found.append(f"{package['name']} {package['version']}: {advisory['id']}, mended in {mended}")
    return answer


def audit(ask: Callable[[str], str] = run_pip_audit) -> tuple[int, str]:
    """Ask one service after the other until one has looked something up. Returns exit status and what to print."""
    for service in SERVICES:
        answer = understand(ask(service))
        if answer is None or answer.looked_up == 0:
            continue
        if answer.found:
            return 1, "\n".join(["Known vulnerabilities:", *answer.found])
        unknown = f"; {len(answer.skipped)} unknown there: {', '.join(answer.skipped)}" if answer.skipped else ""
        return 0, f"No known vulnerability in {answer.looked_up} packages, says {service}{unknown}."
    return 0, (
        "The dependency audit COULD NOT BE DONE: no vulnerability service answers for the installed packages "
        f"({', '.join(SERVICES)}). Run make check again on a machine with open access to the network."
    )


if __name__ == "__main__":
    status, words = audit()
    print(words)
    raise SystemExit(status)
