"""Links in the documentation, its mentions of tests, and mentions of it in code, lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = ("smlnet_jax", "configs", "benchmarks", "tests")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
CODE_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
TEST = re.compile(r"`(?:tests/\w+/)?(test_\w+\.py)(?:::(\w+))?`")
MENTION = re.compile(r"\bdocs/\w+\.(?:md|svg|png)\b")


def anchors(page: Path) -> set[str]:
    """What GitHub makes of headings: lower case, without punctuation, a hyphen for each space."""
    text = CODE_BLOCK.sub("", page.read_text())
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page):
    broken = []
    for link in LINK.findall(CODE_BLOCK.sub("", page.read_text())):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tests_that_a_page_names_are_there(page):
    texts = {file.name: file.read_text() for file in (ROOT / "tests").rglob("test_*.py")}
    named = TEST.findall(page.read_text())
    assert [(file, test) for file, test in named if f"def {test}" not in texts.get(file, "")] == []


def test_code_mentions_documents_that_exist():
    code = [*ROOT.glob("*.py"), *(file for folder in CODE for file in (ROOT / folder).rglob("*.py"))]
    missing = {
        (file.name, name)
        for file in (*code, *PAGES)
        for name in MENTION.findall(file.read_text())
        if not (ROOT / name).exists()
    }
    assert not missing
