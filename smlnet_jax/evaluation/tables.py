"""Scores as text: a table for the terminal, a CSV line an image."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from smlnet_jax.files import write_bytes

if TYPE_CHECKING:
    from smlnet_jax.evaluation.evaluate import Results, SetResult


def score_table(results: Results, name: str, label: str) -> str:
    """Rows bicubic, model and gain; a column for each protocol, PSNR in dB and SSIM; identity, if scored."""
    found = results.datasets[name]
    rows = [["", *found.model], ["bicubic"], [label], ["gain"]]
    for protocol in found.model:
        bicubic, model = found.mean(protocol, "bicubic"), found.mean(protocol)
        gain = model[0] - bicubic[0], model[1] - bicubic[1]
        rows[1].append("{:7.3f} {:7.4f}".format(*bicubic))
        rows[2].append("{:7.3f} {:7.4f}".format(*model))
        rows[3].append("{:+z7.3f} {:+z7.4f}".format(*gain))
    if found.identity:
        cosine = found.mean_identity()
        better = cosine["model"] - cosine["bicubic"]
        cells = ["identity", f"{cosine['bicubic']:.3f}", f"{cosine['model']:.3f}", f"{better:+z.3f}"]
        rows = [[*row, cell] for row, cell in zip(rows, cells, strict=True)]
    count = f"{len(found.names)} image{'s' * (len(found.names) != 1)}"
    title = f"{name}: {count}, x{results.scale}, LR by {results.lr_kernel}; PSNR dB and SSIM"
    return f"{title}\n{align(rows)}"


def write_csv(found: SetResult, path: Path) -> None:
    """One line an image: its name, then PSNR and SSIM of the model and of bicubic under each protocol.

    Where identity was scored, its cosines, too.
    """
    header, columns = ["name"], [list(found.names)]
    for protocol in found.model:
        for who, scores in (("", found.model[protocol]), ("_bicubic", found.bicubic[protocol])):
            header += [f"{protocol}{who}_psnr", f"{protocol}{who}_ssim"]
            columns += [[f"{value:.4f}" for value in scores.psnr], [f"{value:.6f}" for value in scores.ssim]]
    for who, cosines in found.identity.items():
        header.append("identity_cosine" if who == "model" else "identity_bicubic_cosine")
        columns.append([f"{value:.6f}" for value in cosines])
    write_bytes(path, csv_bytes([header, *zip(*columns, strict=True)]), "free it, or give another --workdir")


def csv_bytes(rows: Iterable[Sequence[str]]) -> bytes:
    """The content of a CSV file: UTF-8, but for names of files that are not, which stay as they are."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode(errors="surrogateescape")


def align(rows: list[list[str]]) -> str:
    """Rows of as many cells each, as columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join("  " + line.rstrip() for line in lines)
