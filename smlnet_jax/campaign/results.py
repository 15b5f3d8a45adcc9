"""Everything that a report says, as the plain values of results.json."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from smlnet_jax.campaign import record
from smlnet_jax.campaign.comparison import Comparison, Scores, compare
from smlnet_jax.campaign.files import read_json, run_folder
from smlnet_jax.campaign.history import read_history
from smlnet_jax.campaign.plan import Member, Plan, Run
from smlnet_jax.evaluation.compare import read_scores
from smlnet_jax.evaluation.pairing import refuse_unpaired
from smlnet_jax.training.validation import BEST, PROTOCOL

METRICS = ("psnr", "ssim")
IDENTITY = "identity"  # beside the protocols, where it was asked for; its metric is a cosine

Table = dict[str, dict[str, dict[str, Any]]]  # by data set, protocol and metric
ByColumn = dict[tuple[str, str, str], Scores]  # the same, of each image


def collect(plan: Plan, workdir: Path) -> dict[str, Any]:
    """What `workdir` holds of the campaign so far."""
    protocols = plan.config.eval.protocols
    names = _names(workdir / "bicubic", plan)
    bicubic = _columns(workdir / "bicubic", names, plan)
    images = {name: _scores(workdir, member, names, plan) for name, member in plan.members.items()}
    reference = images[plan.reference]
    forward = _forward(workdir)
    members = {
        name: {
            **_member(workdir, member),
            "milliseconds": forward["milliseconds"].get(name, {}).get("median") if forward else None,
            "scores": _means(images[name], plan),
            "difference": None if name == plan.reference else _differences(images[name], reference, plan),
        }
        for name, member in plan.members.items()
    }
    return {
        "written": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "reference": plan.reference,
        "budget": plan.budget,
        "protocol": PROTOCOL if PROTOCOL in protocols else protocols[0],
        "protocols": list(protocols),
        "identity": plan.config.eval.identity,
        "scale": plan.config.data.scale,
        "size": plan.config.data.size,
        "lr_kernel": plan.config.data.lr_kernel,
        "train": plan.config.data.train,
        "val": plan.config.data.val,
        "val_images": plan.config.train.val_images,
        "checkpoint": f"the best by {BEST} on the validation set",
        "forward": forward,
        "batch_size": plan.config.train.batch_size,
        "datasets": {
            name: {"source": source, "images": len(names.get(name, ()))}
            for name, source in plan.test_sets.items()
        },
        "bicubic": {
            "scores": _means({0: bicubic} if bicubic else {}, plan),
            "difference": _differences(dict.fromkeys(reference, bicubic), reference, plan)
            if bicubic
            else None,
        },
        "members": members,
        "config": record.describe(plan)["members"][plan.reference]["config"],
        "starts": record.starts(workdir),
    }


def status(workdir: Path, run: Run) -> str:
    """done, failed, diverged, begun (it has a checkpoint) or waiting."""
    return _outcome(workdir, run)["status"]


def _outcome(workdir: Path, run: Run) -> dict[str, Any]:
    folder = run_folder(workdir, run)
    if (folder / "outcome.json").is_file():
        return read_json(folder / "outcome.json")
    return {"status": "begun" if (folder / "checkpoints").is_dir() else "waiting"}


def _forward(workdir: Path) -> dict[str, Any] | None:
    """What `speed.measure` found, if the members were timed."""
    path = workdir / "speed" / "outcome.json"
    found = read_json(path) if path.is_file() else {"status": "waiting"}
    return found if found["status"] == "done" else None


def _member(workdir: Path, member: Member) -> dict[str, Any]:
    runs = {str(seed): _run(workdir, Run(member, seed)) for seed in member.seeds}
    done = [run for run in runs.values() if run["status"] == "done"]

    def mean(key: str) -> float | None:
        values = [run[key] for run in done if run.get(key) is not None]
        return float(np.mean(values)) if values else None

    return {
        "overrides": dict(member.overrides),
        "network": member.config.model.name,
        "parameters": done[0]["parameters"] if done else None,
        "macs": done[0]["macs"] if done else None,
        "steps": done[0]["steps"] if done else None,
        "images_per_second": mean("images_per_second"),
        "training_seconds": mean("training_seconds"),
        "val_psnr": mean("val_psnr"),
        "runs": runs,
    }


def _run(workdir: Path, run: Run) -> dict[str, Any]:
    outcome, batch = _outcome(workdir, run), run.config.train.batch_size
    known: dict[str, Any] = {**outcome, "folder": run_folder(workdir, run).relative_to(workdir).as_posix()}
    if history := read_history(workdir / known["folder"], batch):
        known |= {
            "steps": history.step,
            "images": history.step * batch,
            "training_seconds": history.seconds,
            "images_per_second": history.images_per_second,
            "curve": [
                {"step": step, "images": step * batch, "seconds": seconds, "psnr": psnr}
                for step, seconds, psnr in history.curve
            ],
        }
    return known


def _scores(workdir: Path, member: Member, names: Mapping[str, list[str]], plan: Plan) -> dict[int, ByColumn]:
    """By seed, of those that are done."""
    runs = [Run(member, seed) for seed in member.seeds]
    return {
        run.seed: _columns(run_folder(workdir, run), names, plan)
        for run in runs
        if status(workdir, run) == "done"
    }


def _names(folder: Path, plan: Plan) -> dict[str, list[str]]:
    """The images of each test set, as bicubic was scored on them; nothing before it was."""
    paths = {dataset: _csv(folder, dataset) for dataset in plan.test_sets}
    return {dataset: sorted(read_scores(path)) for dataset, path in paths.items() if path.is_file()}


def _columns(folder: Path, names: Mapping[str, list[str]], plan: Plan) -> ByColumn:
    """Per-image scores that were written there, in the order of `names`."""
    columns: ByColumn = {}
    for dataset, wanted in names.items():
        path = _csv(folder, dataset)
        scores = read_scores(path)
        refuse_unpaired(scores, wanted, str(path), "the scores of bicubic")
        for protocol in _measured(plan):
            for metric in metrics_of(protocol):
                column = f"{protocol}_{metric}"
                columns[dataset, protocol, metric] = np.array([scores[name][column] for name in wanted])
    return columns


def _csv(folder: Path, dataset: str) -> Path:
    return folder / "eval" / f"{dataset}.csv"


def _means(by_seed: Mapping[int, ByColumn], plan: Plan) -> Table:
    """Mean over images and seeds, the spread of the seeds (standard deviation; null for one), and by seed."""

    def entry(dataset: str, protocol: str, metric: str) -> dict[str, Any]:
        means = {
            str(seed): float(columns[dataset, protocol, metric].mean()) for seed, columns in by_seed.items()
        }
        values = list(means.values())
        finite = bool(np.isfinite(values).all())
        return {
            "mean": float(np.mean(values)) if finite else None,
            "spread": float(np.std(values, ddof=1)) if finite and len(values) > 1 else None,
            "by_seed": {seed: value if np.isfinite(value) else None for seed, value in means.items()},
        }

    return _table(plan, entry) if by_seed else {}


def _differences(
    member: Mapping[int, ByColumn], reference: Mapping[int, ByColumn], plan: Plan
) -> Table | None:
    """Member minus reference, where both have runs that are done; null in a place without a comparison."""

    def entry(*key: str) -> dict[str, Any] | None:
        dataset, protocol, metric = key
        ours, theirs = (
            {seed: columns[dataset, protocol, metric] for seed, columns in of.items()}
            for of in (member, reference)
        )
        found = compare(ours, theirs)
        return None if found is None else _plain(found)

    return _table(plan, entry) if set(member) & set(reference) else None


def _plain(found: Comparison) -> dict[str, Any]:
    return {**found._asdict(), "by_seed": {str(seed): value for seed, value in found.by_seed.items()}}


def _table(plan: Plan, entry) -> Table:
    return {
        dataset: {
            protocol: {metric: entry(dataset, protocol, metric) for metric in metrics_of(protocol)}
            for protocol in _measured(plan)
        }
        for dataset in plan.test_sets
    }


def metrics_of(protocol: str) -> tuple[str, ...]:
    """What a protocol, or identity, measures."""
    return ("cosine",) if protocol == IDENTITY else METRICS


def _measured(plan: Plan) -> tuple[str, ...]:
    """The protocols, and identity where it was asked for."""
    return (*plan.config.eval.protocols, *([IDENTITY] if plan.config.eval.identity else []))
