"""What eval.py does: load, score each data set, print, write."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

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
    Writes eval/<set>.csv and eval/<set>.png into `workdir` as soon as a set is done, and eval.json at the
    end. Model and parameters come from the weights; scale and LR kernel are the config's, also for weights
    that were trained with others (a note says so). Raises `UserError` for data or weights that cannot be
    used, and, before anything is computed, for a workdir that cannot be. Returns the exit code.
    """
    settings = config.eval
    if settings.photos or settings.portraits:
        from smlnet_jax.evaluation import real_world  # needs the restore extra

        return real_world.run(config, workdir)
    named = datasets.parse(settings.data or config.data.val)
    sources = {name: open_source(source, config.data.size) for name, source in named.items()}
    loaded = weights.load(settings.weights, workdir, self_ensemble=settings.self_ensemble)
    for note in notes(config, loaded):
        print(f"note: {note}", file=sys.stderr)
    loaded = weights.on_lr(loaded, config.data.scale, config.data.lr_kernel)
    with refused(workdir):
        (workdir / "eval").mkdir(parents=True, exist_ok=True)

    found: dict[str, SetResult] = {}
    mesh = jax.make_mesh((jax.device_count(),), ("data",), axis_types=(AxisType.Auto,))
    with jax.set_mesh(mesh):
        for name, source in sources.items():
            results = evaluate(
                loaded.model,
                loaded.params,
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
                    f"{loaded.label} gives NaN or infinity on {broken} of {name}; these weights are broken"
                )
            print(score_table(results, name, loaded.label), end="\n\n", flush=True)
            with refused(workdir):
                write_set(name, found[name], workdir / "eval")

    results = Results(config.data.scale, config.data.lr_kernel, found)
    write_json(workdir / "eval.json", results.to_json(loaded.label, own=loaded.own))
    print(f"written: {workdir / 'eval.json'}, and in {workdir / 'eval'} a CSV and a picture of each set")
    return 0


def notes(config: Config, loaded: weights.Loaded) -> Iterator[str]:
    """Where the weights' own model and data differ from the config: one line each."""
    own = getattr(loaded.model, "config", None)
    if own is not None and own != config.model:
        says = config.model.name if config.model.name != own.name else "otherwise in some switch"
        yield f"the weights are of {own.name} and scored as such, though the config says {says}"
    yield from weights.trained_otherwise(loaded, scale=config.data.scale, lr_kernel=config.data.lr_kernel)


def write_set(name: str, found: SetResult, folder: Path) -> None:
    """Writes a CSV of every image and a picture of the first."""
    write_csv(found, folder / f"{name}.csv")
    if found.samples:
        sample_grid(found.samples, folder / f"{name}.png", captions(found))


@contextlib.contextmanager
def refused(workdir: Path) -> Iterator[None]:
    """Turns an OSError of the block into a `UserError` about the workdir."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"cannot write the results into {workdir} ({error.strerror}); free it, or give another --workdir"
        ) from error


def captions(found: SetResult) -> list[str]:
    """Name and gain of each pictured face, under the first protocol."""
    protocol = next(iter(found.model))
    pairs = zip(found.names, found.model[protocol].psnr, found.bicubic[protocol].psnr, strict=True)
    return [
        f"{name}   PSNR {model:.2f} dB, bicubic {bicubic:.2f} ({protocol})" for name, model, bicubic in pairs
    ]
