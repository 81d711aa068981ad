"""The links of a study that a researcher hands out, and where its participants go afterwards."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from study.plan.definition import Outcome, StudyPlan
from web.addresses import is_secure

# What a recruiter puts in the place of, by the parameter that names it in the study file. Of Prolific: its help pages.
_FILLED_IN = {"PROLIFIC_PID": "{{%PROLIFIC_PID%}}", "STUDY_ID": "{{%STUDY_ID%}}", "SESSION_ID": "{{%SESSION_ID%}}"}
_OUTCOMES: dict[Outcome, str] = {
    "complete": "reached the end",
    "screened_out": "screened out",
    "failed_attention": "failed attention checks",
    "no_consent": "said no",
}


@dataclass(frozen=True)
class Link:
    """One to copy: what it is for, the address, and what is to be known of it."""

    words: str
    address: str
    hint: str


def own_site(request: Request) -> str:
    """This site as the browser of who asks knows it, below a proxy's path too; without a slash at its end."""
    return f"{'https' if is_secure(request) else 'http'}://{request.url.netloc}{request.scope.get('root_path', '')}"


def links_of(plan: StudyPlan, site: str) -> tuple[Link, ...]:
    """What a researcher copies.

    Args:
        site: Where participants reach this studio, without a slash at its end.
    """
    page, recruiting = f"{site}/study/{plan.id}", plan.recruiting
    parameters = [one for one in (recruiting.participant, recruiting.submission) if one is not None]
    found = []
    if recruiting.codes == "none":
        found.append(Link("For everybody", page, "Nobody has a code; each browser counts as a person."))
    if recruiting.codes == "any" and recruiting.participant == "PROLIFIC_PID":
        query = "&".join(f"{one}={_FILLED_IN.get(one, 'VALUE')}" for one in parameters)
        found.append(Link("For Prolific", f"{page}?{query}", "Prolific fills in what stands in braces."))
    if recruiting.codes != "none":
        made = (
            f"Put a code in the place of CODE: a link for each person. python -m study codes {plan.id} 20 makes codes"
        )
        hint = f"{made}; no other ones are let in." if recruiting.codes == "listed" else f"{made}, or take your own."
        found.append(Link("For people with a code", f"{page}?{recruiting.participant}=CODE", hint))
    found.append(Link("To withdraw later", f"{page}/withdraw", "Asks for the withdrawal code that everybody gets."))
    return tuple(found)


def returns_of(plan: StudyPlan) -> tuple[tuple[str, str], ...]:
    """Of each outcome, in words, where its participants are sent."""
    returns = plan.recruiting.returns
    nowhere = "nowhere: the page ends"
    known = {"failed_attention": returns.get("complete", nowhere)}  # as `RunningStudy.screen` has it
    return tuple((words, returns.get(one, known.get(one, nowhere))) for one, words in _OUTCOMES.items())
