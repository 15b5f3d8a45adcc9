"""All figures on one page, which needs nothing but itself."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from smlnet_jax.figures.drawn import Drawn

WEBP_SIDE = 16383  # pixels
_HEAD = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
  body {{ max-width: 1500px; margin: 2rem auto; padding: 0 1rem; color: #222;
         font: 16px/1.5 system-ui, sans-serif }}
  h2 {{ margin: 2.5rem 0 0.3rem }}
  p {{ max-width: 50rem; margin: 0.3rem 0 0.8rem }}
  img {{ max-width: 100%; border: 1px solid #ddd }}
  .files, .out {{ color: #666 }}
</style>
<h1>{title}</h1>
"""


def page(title: str, facts: str, figures: Sequence[Drawn], folder: Path) -> str:
    """HTML with the PNG files that lie in `folder` inside it, compressed without loss."""
    parts = [_HEAD.format(title=html.escape(title)), f"<p>{html.escape(facts)}</p>\n"]
    for drawn in figures:
        parts.append(f"<h2>{html.escape(drawn.title)}</h2>\n")
        if drawn.figure is None:
            reason = drawn.reading[:1].upper() + drawn.reading[1:]
            parts.append(f'<p class="out">{html.escape(reason)}.</p>\n')
            continue
        links = ", ".join(f'<a href="{name}">{name}</a>' for name in file_names(drawn))
        parts.append(f"<p>{html.escape(drawn.reading)}</p>\n")
        parts.append(
            f'<img alt="{html.escape(drawn.title)}" src="{_inline(folder / file_names(drawn)[0])}">\n'
        )
        parts.append(f'<p class="files">{links}</p>\n')
    return "".join(parts)


def file_names(drawn: Drawn) -> list[str]:
    """The files of a figure, the PNG first."""
    return [f"{drawn.stem}.{kind}" for kind in (("png", "svg", "pdf") if drawn.chart else ("png",))]


def _inline(path: Path) -> str:
    """As WebP, which is smaller, but for pictures that are too long for it."""
    form, data = "png", path.read_bytes()
    with Image.open(path) as image:
        if max(image.size) <= WEBP_SIDE:
            file = io.BytesIO()
            image.convert("RGB").save(file, "WEBP", lossless=True)
            form, data = "webp", file.getvalue()
    return f"data:image/{form};base64,{base64.b64encode(data).decode()}"
