"""report.html: one file that needs nothing else, in light and dark."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

from smlnet_jax.campaign import charts, tables
from smlnet_jax.campaign.tables import Results, Table

_STYLE = Path(__file__).with_name("page.css")
_WORDS = {"better", "worse"}  # verdicts that get a colour


def render(results: Results) -> str:
    """The report as a page."""
    reference, main = escape(results["reference"]), results["protocol"]
    title = escape(tables.title(results))
    body = [f"<h1>{title}</h1>", f'<p class="state">{escape(tables.state(results))}.</p>']
    for dataset, found in results["datasets"].items():
        body.append(f"<h2>{escape(dataset)} <small>{found['images']} images, {main}</small></h2>")
        if sentences := tables.findings(results, dataset):
            body.append(_list(sentences))
        body.append(_figure(charts.differences(results, dataset), "Dot and bar: mean and 95 % interval over "
                            "images. Small dots: single seeds."))  # fmt: skip
        body.append(_table(tables.scores(results, dataset, main)))
        for protocol in tables.further(results):
            table = _table(tables.scores(results, dataset, protocol))
            body.append(f"<details><summary>{escape(dataset)} under {protocol}</summary>{table}</details>")
        for of in ("macs", "milliseconds"):
            caption = f"PSNR ({main}) against cost; the line joins the best of each cost or less."
            body.append(_figure(charts.cost(results, dataset, of), caption))
    if mishaps := list(tables.mishaps(results)):
        body += ["<h2>What went wrong</h2>", f'<div class="mishaps">{_list(mishaps)}</div>']
    body += ["<h2>Learning</h2>"]
    for x in ("images", "seconds"):
        body.append(
            _figure(charts.learning(results, x), "Validation PSNR in dB, mean of the finished seeds.")
        )
    body += ["<h2>Training</h2>", _table(tables.training(results))]
    if idle := tables.waiting(results):
        body.append(f"<p>{escape(idle)}</p>")
    body += ["<h2>How to read this</h2>", _list(tables.READING)]
    facts = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in tables.facts(results))
    commands = "\n".join(dict.fromkeys(start["command"] for start in results["starts"]))
    config = json.dumps(results["config"], indent=2)
    body += ["<h2>How it was done</h2>", f"<dl>{facts}</dl>", f"<pre>{escape(commands)}</pre>"]
    body.append(f"<details><summary>config of {reference}</summary><pre>{escape(config)}</pre></details>")
    style = _STYLE.read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{title}</title>\n<style>\n{style}</style></head>\n<body><main>\n"
        + "\n".join(filter(None, body))
        + "\n</main></body></html>\n"
    )


def _list(sentences) -> str:
    return f"<ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in sentences)}</ul>"


def _figure(chart: str, caption: str) -> str:
    return f"<figure>{chart}<figcaption>{escape(caption)}</figcaption></figure>" if chart else ""


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.head)
    rows = "".join(
        f'<tr class="{mark}">{"".join(map(_cell, cells))}</tr>'
        for cells, mark in zip(table.rows, table.marks, strict=True)
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _cell(text: str) -> str:
    first = text.partition(" ")[0]
    kind = f' class="{first}"' if first in _WORDS else ""
    return f"<td{kind}>{escape(text)}</td>"
