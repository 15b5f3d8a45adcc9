"""report.md."""

from __future__ import annotations

from smlnet_jax.campaign import tables
from smlnet_jax.campaign.tables import Results, Table


def render(results: Results) -> str:
    """The report as GitHub's Markdown."""
    main = results["protocol"]
    lines = [f"# {tables.title(results)}", "", f"{tables.state(results)}.", ""]
    for dataset in results["datasets"]:
        if found := tables.findings(results, dataset):
            lines += [f"On {dataset}, by PSNR ({main}):", "", *(f"- {sentence}" for sentence in found), ""]
    if mishaps := list(tables.mishaps(results)):
        lines += ["## What went wrong", "", *(f"- {_safe(sentence)}" for sentence in mishaps), ""]
    lines += ["## Scores", ""]
    for protocol in [main, *tables.further(results)]:
        for dataset in results["datasets"]:
            lines += [
                f"### {dataset}, `{protocol}`",
                "",
                *_table(tables.scores(results, dataset, protocol)),
                "",
            ]
    lines += ["## Training", "", *_table(tables.training(results)), ""]
    if idle := tables.waiting(results):
        lines += [idle, ""]
    lines += ["## How to read this", "", *(f"- {sentence}" for sentence in tables.READING), ""]
    lines += ["## How it was done", ""]
    lines += [f"- {name}: {_safe(words)}" for name, words in tables.facts(results)]
    for start in results["starts"]:
        lines += ["", "```", start["command"], "```"]
    return "\n".join([*lines, ""])


def _table(table: Table) -> list[str]:
    def line(cells: list[str]) -> str:
        return f"| {' | '.join(map(_safe, cells))} |"

    return [line(table.head), "|---" * len(table.head) + "|", *map(line, table.rows)]


def _safe(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
