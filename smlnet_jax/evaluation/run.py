"""What eval.py does: load, score each data set, print, write."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
from jax.sharding import AxisType

from smlnet_jax.config import Config
from smlnet_jax.data.sources import open_source
from smlnet_jax.errors import UserError
from smlnet_jax.evaluation import datasets, weights
from smlnet_jax.evaluation.evaluate import Results, SetResult, evaluate
from smlnet_jax.evaluation.figures import sample_grid
from smlnet_jax.evaluation.tables import score_table, write_csv
from smlnet_jax.files import write_json


def run(config: Config, workdir: Path) -> int:
    """Scores `config.eval.weights` on `config.eval.data` (or `config.data.val`) over all devices.

    Whole photographs (`config.eval.photos`, `config.eval.portraits`) are a run of their own: real_world.py.
    Writes eval.json into `workdir` and, for each set, eval/<set>.csv and eval/<set>.png. Model and
    parameters come from the weights; scale and LR kernel are the config's, also for weights that were trained
    with others (a note says so). Raises `UserError` for data or weights that cannot be used. Returns the exit
    code.
    """
    settings = config.eval
    if settings.photos or settings.portraits:
        from smlnet_jax.evaluation import real_world  # needs the restore extra

        return real_world.run(config, workdir)
    named = datasets.parse(settings.data or config.data.val)
    sources = {name: open_source(source, config.data.size) for name, source in named.items()}
    label, model, params = weights.load(settings.weights, workdir, self_ensemble=settings.self_ensemble)
    for note in notes(config, model, Path(settings.weights or workdir)):
        print(f"note: {note}", file=sys.stderr)

    found: dict[str, SetResult] = {}
    mesh = jax.make_mesh((jax.device_count(),), ("data",), axis_types=(AxisType.Auto,))
    with jax.set_mesh(mesh):
        for name, source in sources.items():
            results = evaluate(
                model,
                params,
                {name: source},
                scale=config.data.scale,
                lr_kernel=config.data.lr_kernel,
                protocols=settings.protocols,
                batch_size=settings.batch_size,
                limit=settings.limit,
                samples=settings.grid_images,
                identity=settings.identity,
            )
            found |= results.datasets
            if broken := found[name].first_nonfinite():
                raise UserError(
                    f"{label} gives NaN or infinity on {broken} of {name}; these weights are broken"
                )
            print(score_table(results, name, label), end="\n\n", flush=True)

    write(Results(config.data.scale, config.data.lr_kernel, found), label, workdir)
    return 0


def notes(config: Config, model: Any, trained_in: Path) -> Iterator[str]:
    """Where the weights' own model and data differ from the config: one line each."""
    own = getattr(model, "config", None)
    if own is not None and own != config.model:
        says = config.model.name if config.model.name != own.name else "otherwise in some switch"
        yield f"the weights are of {own.name} and scored as such, though the config says {says}"
    recorded = trained_in / "config.json"
    if not weights.is_workdir(trained_in) or not recorded.is_file():
        return
    data = json.loads(recorded.read_text(encoding="utf-8")).get("data", {})
    for key in ("scale", "lr_kernel"):
        wanted = getattr(config.data, key)
        if data.get(key, wanted) != wanted:
            yield f"the weights were trained with data.{key}={data[key]}, and are scored with {wanted}"


def write(results: Results, label: str, workdir: Path) -> None:
    """Writes a CSV and a picture for each set, then eval.json, whole or not at all."""
    try:
        for name, found in results.datasets.items():
            write_csv(found, workdir / "eval" / f"{name}.csv")
            if found.samples:
                sample_grid(found.samples, workdir / "eval" / f"{name}.png", captions(found))
    except OSError as error:
        raise UserError(
            f"cannot write the results into {workdir} ({error.strerror}); free it, or give another --workdir"
        ) from error
    write_json(workdir / "eval.json", results.to_json(label))
    print(f"written: {workdir / 'eval.json'}, and in {workdir / 'eval'} a CSV and a picture of each set")


def captions(found: SetResult) -> list[str]:
    """Name and gain of each pictured face, under the first protocol."""
    protocol = next(iter(found.model))
    pairs = zip(found.names, found.model[protocol].psnr, found.bicubic[protocol].psnr, strict=True)
    return [
        f"{name}   PSNR {model:.2f} dB, bicubic {bicubic:.2f} ({protocol})" for name, model, bicubic in pairs
    ]
