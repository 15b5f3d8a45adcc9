"""results.json, report.md and report.html: one content, three readers."""

from __future__ import annotations

from pathlib import Path

from smlnet_jax.campaign import markdown, page
from smlnet_jax.campaign.plan import Plan
from smlnet_jax.campaign.results import collect
from smlnet_jax.files import write_json, write_text


def write(plan: Plan, workdir: Path) -> None:
    """Writes the three files, of whatever is there."""
    results = collect(plan, workdir)
    write_json(workdir / "results.json", results)
    write_text(workdir / "report.md", markdown.render(results))
    write_text(workdir / "report.html", page.render(results))
