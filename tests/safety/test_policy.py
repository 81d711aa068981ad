"""The prompt policy: what passes and what is refused, in thirteen languages and many disguises."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from pipelines.errors import PresetError
from pipelines.presets.loading import Presets, load_presets
from pipelines.safety.normalise import fold, views
from pipelines.safety.policy import FOLDER, PromptPolicy, default_policy

HERE = Path(__file__).parent
HARMLESS: dict[str, list[str]] = tomllib.loads((HERE / "harmless.toml").read_text("utf-8"))
REFUSED: dict[str, dict[str, list[str]]] = tomllib.loads((HERE / "refused.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def policy() -> PromptPolicy:
    return default_policy()


def test_every_language_of_the_policy_is_tested(policy: PromptPolicy) -> None:
    assert len(policy.languages) == 13
    assert set(policy.languages) == set(HARMLESS) == set(REFUSED)


@pytest.mark.parametrize("language", HARMLESS)
def test_harmless_words_pass(policy: PromptPolicy, language: str) -> None:
    blocked = {text: policy.review_words(text) for text in HARMLESS[language]}
    assert {text: (found.rule, found.found) for text, found in blocked.items() if found} == {}


@pytest.mark.parametrize("language", REFUSED)
def test_harmful_words_are_refused_for_the_right_reason(policy: PromptPolicy, language: str) -> None:
    for category, texts in REFUSED[language].items():
        for text in texts:
            refusal = policy.review_words(text)
            assert refusal is not None, text
            assert refusal.category == category, f"{text}: {refusal.rule}"
            assert refusal.found


@pytest.mark.parametrize(
    "disguised",
    [
        "NUDE",
        "Nüdé",
        "n4k3d",
        "nud3 pose",
        "p0rn",
        "5exy",
        "$exy",
        "n u d e",
        "a n u d e",
        "n.u.d.e",
        "n-u-d-e",
        "n_u_d_e",
        "nu.de",
        "nuuuuude",
        "n*de",
        "n**ed",
        "пude",
        "nudе",  # Cyrillic е
        "nаkеd",  # Cyrillic а and е
        "ηude",  # Greek η
        "ｎｕｄｅ",
        "𝓷𝓾𝓭𝓮",
        "ⓝⓤⓓⓔ",
        "ɴᴜᴅᴇ",
        "🅽🆄🅳🅴",
        "n\u200bu\u200bd\u200be",
        "n\u00adude",
        "n\u0336u\u0336d\u0336e\u0336",
        "nude_woman",
        "(nude:1.4)",
        "nudeな女性",
        "a|nude|b",
        "обнaжeннaя",  # Latin a and e in a Russian word
        "ОБНАЖЁННАЯ",
        "裸 体",
        "裸・体",
        "ﻋﺎﺭﻳﺔ",  # Arabic presentation forms
        "عـــارية",
        "والعَارِيَة",
        "ヌ\u3000ード写真",
        "ﾇｰﾄﾞ",
    ],
)
def test_disguises_do_not_help(policy: PromptPolicy, disguised: str) -> None:
    refusal = policy.review_words(f"portrait, {disguised}, soft light")
    assert refusal is not None
    assert refusal.category == "sexual"


def test_the_gravest_reason_is_given(policy: PromptPolicy) -> None:
    both = policy.review_words("a child, nude, in a nazi uniform")
    assert both is not None
    assert both.category == "minors"


@pytest.mark.parametrize(("age", "refused"), [(0, True), (9, True), (17, True), (18, False), (42, False), (117, False)])
def test_an_age_under_eighteen_counts_as_a_child(policy: PromptPolicy, age: int, refused: bool) -> None:
    assert (policy.review_words(f"{age} years old, lingerie") is not None) == refused
    assert (policy.review_words(f"{age}岁，泳装") is not None) == refused
    assert policy.review_words(f"{age} years old, in a garden") is None


def test_a_child_in_one_language_and_the_rest_in_another(policy: PromptPolicy) -> None:
    refusal = policy.review_words("petite fille, ビキニ")
    assert refusal is not None
    assert refusal.category == "minors"


def test_a_refusal_says_why_and_what_to_do_and_quotes_nothing(policy: PromptPolicy) -> None:
    for texts in REFUSED["English"].values():
        for text in texts:
            refusal = policy.review_words(text)
            assert refusal is not None
            assert "your photo and your choices are still here" in refusal.sentence
            assert text not in f"{refusal.sentence} {refusal.rule}"
            assert "found" not in repr(refusal)


def test_no_word_of_the_data_hides_behind_a_harmless_phrase(policy: PromptPolicy) -> None:
    """Every single word of every rule is refused on its own: none is swallowed by `harmless` or can never match."""
    for path in sorted((FOLDER / "languages").glob("*.toml")):
        for rule in tomllib.loads(path.read_text("utf-8"))["rule"]:
            for word in rule["words"]:
                text = word.replace("*", "").replace("{age}", "12")
                assert policy.review_words(text) is not None, f"{path.name}, {rule['id']}: {word}"


def test_every_name_is_refused_in_any_spacing(policy: PromptPolicy) -> None:
    groups = tomllib.loads((FOLDER / "public-figures.toml").read_text("utf-8"))["group"]
    for group in groups:
        assert group["reason"]
        assert group["source"]
        for name in group["names"]:
            for text in (name.replace("*", ""), name.replace("*", "").replace(" ", "")):
                refusal = policy.review_words(text)
                assert refusal is not None, name
                assert refusal.category == "public-figure", name


@pytest.mark.parametrize("text", ["", " ", "\u0000", "🙂" * 200, "ß" * 400, "a " * 200, "{age}", "*" * 400, "1" * 400])
def test_odd_texts_do_no_harm(policy: PromptPolicy, text: str) -> None:
    assert policy.review_words(text) is None


def test_folding_keeps_what_makes_another_letter() -> None:
    assert fold("ガ") == "ガ"
    assert fold("Łódź, ÇIPLAK, Straße, Ёлка") == "lodz, ciplak, strasse, елка"
    assert "3d" in views("3D")


def test_prompts_of_all_presets_pass(presets: Presets) -> None:
    assert presets.problems == ()


def test_a_preset_with_refused_words_is_left_out_and_named(tmp_path: Path) -> None:
    source = FOLDER.parents[2] / "presets"
    for kind in ("styles", "scenes"):
        (tmp_path / kind).mkdir()
    style = (source / "styles" / "comic.toml").read_text("utf-8")
    (tmp_path / "styles" / "good.toml").write_text(style, "utf-8")
    (tmp_path / "styles" / "bad.toml").write_text(style.replace("portrait of a person", "a naked person"), "utf-8")
    override = '\n[overrides.sd15-lcm]\nprompt = "a person covered in blood"\n'
    (tmp_path / "styles" / "worse.toml").write_text(style + override, "utf-8")
    (tmp_path / "scenes" / "none.toml").write_text((source / "scenes" / "none.toml").read_text("utf-8"), "utf-8")
    loaded = load_presets(tmp_path)
    assert list(loaded.styles) == ["good"]
    hints = sorted(problem.hint for problem in loaded.problems)
    assert "styles/bad.toml, field prompt" in hints[0]
    assert "styles/worse.toml, field overrides.sd15-lcm.prompt" in hints[1]


def test_a_broken_data_file_is_named_with_its_field(tmp_path: Path) -> None:
    (tmp_path / "languages").mkdir()
    for path in FOLDER.glob("*.toml"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "languages" / "en.toml").write_text('language = "English"\nchild = []\nsuggestiv = []\n', "utf-8")
    with pytest.raises(PresetError, match=r"policy/en\.toml"):
        PromptPolicy(tmp_path)
    (tmp_path / "languages" / "en.toml").write_text("language = ", "utf-8")
    with pytest.raises(PresetError, match="cannot be read"):
        PromptPolicy(tmp_path)
