"""The methods section, from the frozen study alone: what it says was fixed before the first answer."""

from __future__ import annotations

import platform
from importlib.metadata import version

from pipelines import VERSION
from study.analysis.settings import AnalysisSettings
from study.dataset import Dataset
from study.plan.definition import Comprehension, Exclusion, Question, StudyPlan, said
from study.plan.schedule import rows_of
from study.report.blocks import Block, Grid, Heading, Paragraph
from study.report.numbers import moment


def methods(data: Dataset, settings: AnalysisSettings) -> tuple[Block, ...]:
    """Design, conditions, questions, procedure, exclusions and analysis."""
    plan, language = data.plan, data.plan.languages[0]
    conditions = tuple(
        (one.id, one.style, one.scene, one.engine, f"{one.likeness:g}", one.size, str(one.seed))
        for one in plan.conditions
    )
    questions = [("pairs", one.id, said(one.text, language), "left or right") for one in plan.pair_questions]
    for task, asked in plan.asked.items():
        questions += [(task, one.id, said(one.text, language), _answer(one, language)) for one in asked]
    return (
        Heading("Methods"),
        Paragraph(_design(plan)),
        Grid("Conditions", ("condition", "style", "scene", "engine", "likeness", "size", "seed"), conditions),
        Grid("Questions", ("task", "id", "words", "answer"), tuple(questions)),
        Paragraph(_procedure(plan)),
        Paragraph(_exclusion(plan)),
        *_statistics(settings),
        Paragraph(
            f"Study, analysis plan and software (version {data.app_version}) were frozen on"
            f" {moment(data.frozen_at)}, before the first answer. The frozen hash is {data.sha256}. It"
            " stands in every consent and every row of the data, and seeded every random order and every bootstrap."
        ),
        Heading("The analysis plan as it was frozen", 3),
        Paragraph(data.analysis_text.strip(), is_quoted=True),
    )


def question_words(data: Dataset, outcome: str) -> str:
    """The words of an outcome's question, in the study's first language."""
    task, _, question = outcome.partition(".")
    language = data.plan.languages[0]
    if task == "pairs":
        return next(said(one.text, language) for one in data.plan.pair_questions if one.id == question)
    return said(data.plan.question(task, question).text, language)


def _design(plan: StudyPlan) -> str:
    count = len(plan.conditions)
    if rows := rows_of(plan):
        order = (
            f"in one of the {rows} orders of a Williams design for {count} conditions, in which each stands equally"
            " often in each place and after each other one; a participant got the row that the fewest had completed"
        )
    else:
        order = "in an order of their own, shuffled by a seed from the frozen hash and the participant's number"
    return (
        f"Within-subjects design with {count} conditions. Each participant gave a photo of their own face, from which"
        f" one portrait was made in each condition, and saw them {order}. Nobody learned which condition a portrait was"
        " of."
    )


def _procedure(plan: StudyPlan) -> str:
    parts = [f"The tasks came in this order: {', '.join(plan.tasks)}."]
    if plan.comprehension is not None:
        parts.append(_comprehension(plan.comprehension))
    if plan.pairs is not None:
        most = f"{plan.pairs.most} pairs" if plan.pairs.most else "all pairs of portraits"
        parts.append(
            f"For each question on pairs, {most} were shown side by side; each condition stood left as often as right,"
            " and where two questions were asked, the sides of the second were those of the first turned round. The"
            " clock of an answer began when both pictures were decoded and shown."
        )
    if plan.attention is not None:
        parts.append(
            f"One attention check stood among every {plan.attention.every} pairs: the participant's own photo beside a"
            f" blurred copy; {plan.attention.misses} wrong answers flag a participant."
        )
    if plan.places:
        parts.append(f"{plan.places} completed participants were wanted.")
    return " ".join(parts)


def _comprehension(rules: Comprehension) -> str:
    count = len(rules.questions)
    asked = "After the information, " + (f"{count} questions on it were" if count > 1 else "one question on it was")
    asked += " asked."
    if rules.failure == "again":
        return f"{asked} Who had one wrong read the information again and was asked again, until all were right."
    tries = "once" if rules.tries == 1 else f"up to {rules.tries} times, with the information read again before each"
    return f"{asked} They could be answered {tries}; who then had one wrong was screened out."


def _exclusion(plan: StudyPlan) -> str:
    rules = exclusion_rules(plan.exclusion, plan)
    if not rules:
        return "The study excludes nobody from the main analysis."
    return (
        f"The main analysis leaves out participants who {'; who '.join(rules)}. Nobody was dropped silently: every"
        " figure is given with and without them. Who withdrew is in no figure, for nothing of them is left."
    )


def exclusion_rules(rules: Exclusion, plan: StudyPlan) -> list[str]:
    """Each rule that is on, as the end of a sentence that begins with "participants who"."""
    found = []
    if rules.incomplete:
        found.append("did not reach the end")
    if rules.failed_attention and plan.attention is not None:
        found.append(f"missed {plan.attention.misses} or more attention checks")
    if rules.fast_share < 1:
        found.append(f"gave more than {rules.fast_share:.0%} of their ratings and choices in under {rules.fast_ms} ms")
    return found


def _statistics(settings: AnalysisSettings) -> tuple[Paragraph, ...]:
    ridge = (
        f"a ridge of {settings.ridge:g} (a normal prior on strengths and side, with which a condition that never lost"
        " has a finite strength, too)"
        if settings.ridge
        else "maximum likelihood"
    )
    level = f"{100 * settings.level:g} %"
    return (
        Paragraph(
            f"Pairs: Bradley-Terry with a term for the side, fitted with {ridge}. {level} intervals are by bootstrap"
            f" over participants ({settings.draws:,} draws; BCa, or percentile where BCa cannot be computed); people"
            " are drawn, never single answers. Standard errors of contrasts allow for the answers of one person hanging"
            " together (sandwich, clustered by participant, t distribution). Every pair had to be decided: there are no"
            " ties."
        ),
        Paragraph(
            "Ratings: cumulative logit with a random intercept for each participant (adaptive Gauss-Hermite quadrature,"
            f" 10 nodes), conditions against {settings.reference}. It takes two conditions to be equally far apart at"
            " each threshold (proportional odds), which is not tested. Matched rank biserial correlations, with"
            " intervals by the same bootstrap and Wilcoxon's test; Kendall's W with Friedman's test; Krippendorff's"
            " alpha (ordinal) with participants as raters and conditions as units."
        ),
        Paragraph(
            f"Effect sizes stand before p values. Holm's correction is over all contrasts of the primary outcomes:"
            f" {', '.join(settings.primary)}. p values of other outcomes are not corrected: they describe. Primary"
            " outcomes, ridge, reference, draws and level were read from the frozen plan; the software has no other way"
            " to set them."
        ),
        Paragraph(
            "Response times outside the usual range are those over 3 scaled median absolute deviations from the median"
            f" on a logarithmic scale; they are told, not removed. Computed with {_software()}."
        ),
    )


def _software() -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "statsmodels"))
    return f"Self-Portrait Studio {VERSION}, Python {platform.python_version()}, {libraries}"


def _answer(question: Question, language: str) -> str:
    if question.kind == "likert" and question.low is not None and question.high is not None:
        return f"1 ({said(question.low, language)}) to {question.points} ({said(question.high, language)})"
    if question.kind == "choice":
        return " / ".join(said(one.text, language) for one in question.options)
    if question.kind == "number":
        return f"a number{'' if question.least is None else f' from {question.least:g}'}" + (
            "" if question.most is None else f" to {question.most:g}"
        )
    return "free words"
