"""The report of a study: what it says, in its order."""

from __future__ import annotations

from study.analysis.choices import FEWEST, Contrast, PairResult
from study.analysis.flow import RULES
from study.analysis.ratings import RatingResult
from study.analysis.results import Outcomes, Results
from study.analysis.settings import AnalysisSettings
from study.plan.definition import said
from study.report import figures
from study.report.blocks import Block, Document, Grid, Heading, Paragraph, Picture
from study.report.methods import methods, question_words
from study.report.numbers import chance, equals, interval, moment, number, percent, spread, with_interval
from study.report.sample import completeness, summary

DEPARTED = {
    "no_consent": "said no",
    "left_before_consent": "left before they said yes or no",
    "withdrawn": "withdrew",
    "deleted_by_researcher": "deleted by a researcher",
    "deleted_by_age": "deleted by age",
}
EXCLUDED = {"incomplete": "did not reach the end", "failed_attention": "failed attention checks", "fast": "too fast"}
_KINDS = {
    "simulated": "SIMULATED DATA. The people of this report do not exist; it shows what the report will look like.",
    "preview": "PREVIEW DATA. The people of this report are researchers who tried the study.",
}


def report(results: Results) -> Document:
    """The whole report."""
    data = results.data
    title = said(data.plan.title, data.plan.languages[0])
    blocks: list[Block] = [Heading(title, 1)]
    if data.kind in _KINDS:
        blocks.append(Paragraph(_KINDS[data.kind]))
    blocks += [
        Paragraph(
            f"Study {data.plan.id}, version {data.plan.version}. Frozen hash {data.sha256}. Data as of"
            f" {moment(data.read_at)}."
        ),
        *summary(results),
        *methods(data, results.settings),
        *participants(results),
        *completeness(results),
        *outcomes(results),
    ]
    return Document(title, f"User study {data.plan.id}, frozen hash {data.sha256}", tuple(blocks))


def drawings(results: Results, theme: figures.Theme = "print") -> tuple[figures.Drawing, ...]:
    """All figures of the report."""
    data = results.data
    names = [one.id for one in data.plan.conditions]
    found = [figures.stops(results.drop_out, theme)]
    for pair in results.main.pairs:
        if pair.strengths:
            found.append(figures.strengths(pair, names, question_words(data, pair.outcome), theme))
    for rating in results.main.ratings:
        if rating.answers:
            words = question_words(data, rating.outcome)
            found += [figures.answers(rating, names, words, theme), figures.means(rating, names, words, theme)]
    shown = {
        "ratings": [one.timing for one in data.ratings],
        "pairs": [one.timing for one in data.choices],
        "questionnaire": [one.timing for one in data.replies if one.task == "questionnaire"],
    }
    for one in results.times:
        milliseconds = [timing.rt_ms - timing.hidden_ms for timing in shown[one.task]]
        found.append(figures.times(milliseconds, one.low, one.high, one.task, theme))
    return tuple(found)


def outcomes(results: Results) -> tuple[Block, ...]:
    """What was found, without and with who is excluded."""
    return (
        Heading("Results: main analysis"),
        *_outcomes(results.main, results, with_pictures=True),
        Heading("Results with everybody, excluded participants included"),
        *_outcomes(results.everybody, results, with_pictures=False),
    )


def participants(results: Results) -> tuple[Block, ...]:
    """Who came and how far, attention, times."""
    flow, data = results.flow, results.data
    rows = [("opened the link", flow.came), ("consented", flow.consented), ("reached the end", flow.complete)]
    rows += [
        ("screened out", flow.screened_out),
        *([("of them, by the questions on the information", flow.misunderstood)] if data.plan.comprehension else []),
        ("underway", flow.underway),
        ("timed out, returned or rejected", flow.left),
    ]
    rows += [(f"excluded: {EXCLUDED[rule]}", flow.excluded[rule]) for rule in RULES]
    rows += [(words, flow.departures.get(how, 0)) for how, words in DEPARTED.items()]
    rows += [("in the main analysis", results.main.people)]
    attention = results.attention
    blocks: list[Block] = [
        Heading("Participants"),
        Grid("Flow of participants", ("who", "people"), tuple((words, str(count)) for words, count in rows)),
        Paragraph(
            "Somebody may fall under several rules of exclusion. Nothing is left of those who said no, left before or"
            " withdrew, or were deleted: they are counted, and not in any other figure."
        ),
        Picture("stops", "Who began each task, and who stopped there", ""),
    ]
    if attention.answered:
        blocks.append(
            Paragraph(
                f"Attention checks: {attention.answered} answers, {percent(attention.right)} of them right;"
                f" participants who are flagged: {attention.flagged}."
            )
        )
    if results.times:
        rows_of_times = tuple(
            (
                one.task,
                str(one.seconds.n),
                spread(one.seconds),
                f"{one.low:.1f} to {one.high:.1f}",
                str(one.outliers),
                str(one.hidden),
            )
            for one in results.times
        )
        head = (
            "task",
            "answers",
            "seconds: median (quartiles)",
            "usual range, seconds",
            "outside it",
            "page was hidden",
        )
        blocks.append(Grid("Response times, without the time for which the page was hidden", head, rows_of_times))
        blocks += [Picture(f"times-{one.task}", f"How long answers took: {one.task}", "") for one in results.times]
    return tuple(blocks)


def _outcomes(found: Outcomes, results: Results, *, with_pictures: bool) -> tuple[Block, ...]:
    data, settings = results.data, results.settings
    if not found.people:
        return (Paragraph("Nobody is in this analysis yet."),)
    blocks: list[Block] = [Paragraph(f"{found.people} participants.")]
    for pair in found.pairs:
        blocks += _pair(pair, question_words(data, pair.outcome), settings, with_pictures)
    for rating in found.ratings:
        blocks += _rating(rating, question_words(data, rating.outcome), settings, with_pictures)
    if found.questions:
        rows = tuple(
            (
                one.task,
                one.question,
                str(one.n),
                spread(one.spread) if one.spread is not None else "",
                _counts(one.counts),
            )
            for one in found.questions
        )
        head = ("task", "question", "answers", "median (quartiles)", "counts")
        blocks += [Heading("Other questions", 3), Grid("Answers; free words are in the export only", head, rows)]
    return tuple(blocks)


def _outcome(outcome: str, settings: AnalysisSettings) -> str:
    return f"{'Primary' if outcome in settings.primary else 'Secondary'} outcome {outcome}"


def _pair(result: PairResult, words: str, settings: AnalysisSettings, with_pictures: bool) -> list[Block]:
    blocks: list[Block] = [Heading(words, 3)]
    outcome = _outcome(result.outcome, settings)
    if result.trouble:
        return [*blocks, Paragraph(f"{outcome}. {result.trouble}")]
    blocks.append(Paragraph(f"{outcome}: {result.choices} choices of {result.people} participants."))
    if with_pictures:
        blocks.append(
            Picture(f"strengths-{result.outcome.replace('.', '-')}", f"{words} – strengths by Bradley-Terry", "")
        )
    wins = result.wins.sum(axis=1)
    games = (result.wins + result.wins.T).sum(axis=1)
    rows = tuple(
        (name, interval(one), number(one.error), f"{wins[place]:.0f} of {games[place]:.0f}")
        for place, (name, one) in enumerate(zip(result.conditions, result.strengths, strict=True))
    )
    head = ("condition", with_interval("strength", settings.level), "standard error", "chosen, of times shown")
    blocks.append(Grid("Strengths in logits, mean 0", head, rows))
    blocks.append(
        Paragraph(
            f"Preference for the left side: {interval(result.side)} logits; the left was chosen in"
            f" {percent(result.left_share)} of the choices."
        )
    )
    if result.leaning:
        blocks.append(
            Paragraph(
                f"{', '.join(result.leaning)} won, or lost, against everything that it was compared with, or the"
                " comparisons do not tie it to the others. By these data alone its strength has no bound: the figure"
                " above leans on the ridge. Say so where you quote it."
            )
        )
    if result.contrasts:
        blocks.append(_contrasts(result.contrasts, "odds of being chosen, other things equal", settings))
    else:
        blocks.append(Paragraph(f"Fewer than {FEWEST} people: intervals are rough, and contrasts are not tested yet."))
    return blocks


def _rating(result: RatingResult, words: str, settings: AnalysisSettings, with_pictures: bool) -> list[Block]:
    blocks: list[Block] = [Heading(words, 3)]
    outcome = _outcome(result.outcome, settings)
    if not result.answers:
        return [*blocks, Paragraph(f"{outcome}. Nobody has answered this yet.")]
    blocks.append(Paragraph(f"{outcome}: {result.answers} answers of {result.people} participants."))
    if with_pictures:
        name = result.outcome.replace(".", "-")
        blocks += [
            Picture(f"answers-{name}", f"{words} – answers", ""),
            Picture(f"means-{name}", f"{words} – means", ""),
        ]
    rows = tuple(
        (name, str(values.n), spread(values), interval(mean))
        for name, values, mean in zip(result.conditions, result.spread, result.means, strict=True)
    )
    head = ("condition", "answers", "median (quartiles)", with_interval("mean", settings.level))
    blocks.append(Grid("Answers, in points of the scale", head, rows))
    agreement = "not defined, for all answers are equal or nobody can be compared" if result.agreement is None else ""
    agreement = agreement or number(result.agreement, 3)
    together = result.together
    if together is not None and together.size is not None:
        w = f" Kendall's W over all conditions is {number(together.size)} (Friedman's test, p {equals(together.p)})."
    else:
        w = ""
    blocks.append(Paragraph(f"Krippendorff's alpha (ordinal) is {agreement}.{w}"))
    ranks = tuple(
        (f"{one.first} – {one.second}", interval(one.size), chance(one.p), str(one.people)) for one in result.ranks
    )
    head = ("contrast", with_interval("rank biserial", settings.level), "p", "people")
    blocks.append(Grid("Matched ranks, −1 to 1: above 0 the first condition has the higher answers", head, ranks))
    if result.model is None:
        return [*blocks, Paragraph(result.trouble)]
    blocks.append(
        Paragraph(
            f"Cumulative logit with participants' intercepts ({result.model.method}): their standard deviation is"
            f" {number(result.model.spread)} logits, log likelihood {number(result.model.log_likelihood, 1)}."
        )
    )
    return [*blocks, _contrasts(result.contrasts, "odds of a higher answer", settings)]


def _contrasts(contrasts: tuple[Contrast, ...], what: str, settings: AnalysisSettings) -> Grid:
    rows = tuple(
        (
            f"{one.first} – {one.second}",
            f"{number(one.odds)} [{number(one.odds_low)}, {number(one.odds_high)}]",
            f"{number(one.logit)} ({number(one.error)})",
            chance(one.p),
            chance(one.corrected),
        )
        for one in contrasts
    )
    head = ("contrast", with_interval("odds ratio", settings.level), "logits (standard error)", "p", "p after Holm")
    return Grid(f"Contrasts: {what}", head, rows)


def _counts(counts: dict[str, int]) -> str:
    return "; ".join(f"{value}: {count}" for value, count in counts.items())
