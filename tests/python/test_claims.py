"""Numbers of README and docs stand with the command that prints them, and agree with it.

Examples of pages are run by `test_pages.py`, and what takes minutes only by `make claims`.
"""

from __future__ import annotations

import doctest
from pathlib import Path

import claims
import pytest
from claims import Claim, Found, found_of_claim, pages, unclaimed, write
from page_examples import ROOT

ALL = [claim for page in pages() for claim in claims.claims(page)]
QUICK = [claim for claim in ALL if claim.command is not None and not claim.slow]
each_page = pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
PAGE = """\
# A page

It is 0.97, and 12 % are left of 0.5.

<!-- claim: printf '| a | b |\\n|---|---|\\n| one | 0.9412 |\\n'{options} -->

| a | b |
|---|---|
| one | {number} |

```python
print("a", 0.1210)  # {number}
```

```text
a    0.1210
```

```python
print(1)  # {number}
print("two")  # {number}
```

```console
$ echo 1.5; \\
  echo b
{number}

$ echo 2.5
2.5
```
"""


@each_page
def test_every_number_stands_with_its_command(page: Path) -> None:
    assert list(unclaimed(page)) == []


@pytest.mark.parametrize("claim", QUICK, ids=lambda claim: f"{claim.page.stem}-{claim.line}")
def test_pages_show_what_quick_commands_print(claim: Claim) -> None:
    found = found_of_claim(claim, quick=True)
    if found.skipped:
        pytest.skip(found.skipped)
    assert found.verdict == "ok", f"{found.failed}{found.printed}"


def test_pictures_are_there() -> None:
    assert [name for name in claims.PICTURES if not (ROOT / name).is_file()] == []


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of a page, in what then is the folder of the repository."""
    monkeypatch.setattr(claims, "ROOT", tmp_path)
    return tmp_path / "page.md"


def verdict(page: Path, *, number: str = "0.9412", options: str = "", quick: bool = False) -> str:
    page.write_text(PAGE.format(number=number, options=options))
    (claim,) = claims.claims(page)
    return found_of_claim(claim, quick=quick).verdict


@pytest.mark.parametrize(
    ("number", "options", "expected"),
    [
        ("0.9412", "", "ok"),
        ("0.9413", "", "ok"),
        ("0.9414", "", "DRIFTED"),
        ("0.95", "; tolerance 0.01", "ok"),
        ("0.96", "; tolerance 0.01", "DRIFTED"),
        ("0.96", "; slow; tolerance 0.02", "ok"),
        ("95", "; tolerance 100", "DRIFTED"),
        ("0.9651", "; needs nowhere", "skipped: nowhere is not there: printf"),
    ],
)
def test_a_wrong_number_is_found_beyond_its_tolerance(
    page: Path, number: str, options: str, expected: str
) -> None:
    assert verdict(page, number=number, options=options).startswith(expected)


def test_slow_commands_are_not_run_if_it_has_to_be_quick(page: Path) -> None:
    assert verdict(page, options="; slow", quick=True).startswith("skipped: slow")


@pytest.mark.parametrize(
    ("command", "said"),
    [("false", "exit code 1"), ("ls nowhere", "nowhere"), ("echo '| c |'", "columns | a")],
)
def test_a_command_that_prints_no_such_table_has_failed(
    page: Path, command: str, said: str
) -> None:
    page.write_text(f"<!-- claim: {command} -->\n\n| a |\n|---|\n| 1 |\n")
    (claim,) = claims.claims(page)
    found = found_of_claim(claim, quick=False)
    assert found.verdict.startswith(f"FAILED: {command}: ")
    assert said in found.failed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<!-- claim: ls; fast -->\n\n| 1 |\n", "a claim has no option fast"),
        ("<!-- claim: ls -->\n\nSo.\n\n| 1 |\n", "no table and no block follows"),
    ],
)
def test_what_is_no_claim_is_an_error(page: Path, text: str, said: str) -> None:
    page.write_text(text)
    with pytest.raises(ValueError, match=f"line 1: {said}"):
        claims.claims(page)


def found_of(page: Path) -> list[Found]:
    return claims.found_of_page(page, quick=False)


def test_an_example_that_drifted_is_found(page: Path) -> None:
    page.write_text(PAGE.format(number="1", options=""))
    drifted = {one.line: one.verdict for one in found_of(page)}
    assert list(drifted.values()) == ["DRIFTED", "ok", "DRIFTED", "DRIFTED", "ok"]


def test_writing_changes_only_outputs(page: Path) -> None:
    page.write_text(PAGE.format(number="0.9651", options="; slow"))
    notes = write(page, found_of(page))
    expected = PAGE.format(number="{}", options="; slow").format(
        "0.9412", "0.9651", "1", "two", "1.5\nb"
    )
    assert page.read_text() == expected.replace("a    0.1210", "a 0.121")
    assert notes[-1] == "page.md:3: says 0.97, which was in an output and is no more"
    assert [one.verdict for one in found_of(page)] == ["ok"] * 5
    assert write(page, found_of(page)) == []


def test_an_example_that_fails_leaves_what_is_before_it(page: Path) -> None:
    page.write_text("```python\nprint(1)  # 2\n```\n\n```python\n1 / 0\n```\n")
    found = found_of(page)
    assert [one.verdict.partition(":")[0] for one in found] == ["DRIFTED", "FAILED"]
    assert "division by zero" in found[1].failed
    write(page, found)
    assert page.read_text().startswith("```python\nprint(1)  # 1\n```\n")


UNCLAIMED = {
    "| a |\n|---|\n| 1.5 |\n": "a table of numbers",
    "| a | b |\n|---|---|\n| 12 % | b |\n": "a table of numbers",
    "```text\n1.5\n```\n": "a block of numbers",
    "![A picture](other.png)\n": "a picture without the command",
}


@pytest.mark.parametrize("text", UNCLAIMED)
def test_what_has_no_command_beside_it_is_found(page: Path, text: str) -> None:
    page.write_text(f"# A page\n\n{text}")
    (said,) = unclaimed(page)
    assert said.startswith(f"page.md:3: {UNCLAIMED[text]}")
    if "picture" not in said:
        page.write_text(f"<!-- no claim: seconds differ -->\n\n{text}")
        assert list(unclaimed(page)) == []
        (claim,) = claims.claims(page)
        assert found_of_claim(claim, quick=False).verdict == "skipped: seconds differ"


def test_a_page_that_a_command_makes_is_compared_and_put_back(
    page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = "for page in *.md; do echo $page 1.5 >$page; done"
    monkeypatch.setattr(claims, "MADE", {"page.md": command, "other.md": command})
    for path in (page, other := page.with_name("other.md")):
        path.write_text(f"{path.name} 1.7\n")
    (found,) = found_of(page)
    assert (found.verdict, page.read_text()) == ("DRIFTED", "page.md 1.7\n")
    write(page, [found])
    assert page.read_text() == "page.md 1.5\n"
    assert other.read_text() == "other.md 1.7\n"
    assert [one.verdict for one in found_of(other)] == ["DRIFTED"]


def test_examples_of_the_docstrings() -> None:
    tried = doctest.testmod(claims)
    assert tried.attempted
    assert not tried.failed
